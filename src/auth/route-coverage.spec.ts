import { Controller, Get } from '@nestjs/common';
import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import { Access, ANY_KEY, Open } from './access.decorator.js';
import { RouteCoverage } from './route-coverage.js';

@Controller('v1/things')
class Closed {
  @Get(':id')
  @Access({ kinds: ANY_KEY })
  get(): void {}
}
@Controller('v1/things')
class Forgotten {
  @Get()
  list(): void {}
}
@Controller('v1')
class OpenUnderV1 {
  @Get('status')
  @Open()
  status(): void {}
}
@Controller(['.well-known', '/v1/'])
class OpenUnderOneOfItsPaths {
  @Get('keys')
  @Open()
  keys(): void {}
}
@Controller()
class OpenByOneOfItsRoutes {
  @Get(['keys', 'v1/keys'])
  @Open()
  keys(): void {}
}
@Controller('.well-known')
class OpenElsewhere {
  @Get('keys')
  @Open()
  keys(): void {}
}

describe('RouteCoverage', () => {
  const start = (...controllers: (new () => object)[]) => {
    const discovery = { getControllers: () => controllers.map((metatype) => ({ metatype })) };
    new RouteCoverage(discovery as unknown as DiscoveryService, new MetadataScanner()).onApplicationBootstrap();
  };

  it('lets start what says who may call it', () => {
    expect(() => start(Closed, OpenElsewhere)).not.toThrow();
  });

  it('stops the start where a route says nothing', () => {
    expect(() => start(Closed, Forgotten)).toThrow('Routes without @Access() or @Open(): Forgotten.list.');
  });

  it.each([
    ['controller', OpenUnderOneOfItsPaths, 'OpenUnderOneOfItsPaths.keys'],
    ['route', OpenByOneOfItsRoutes, 'OpenByOneOfItsRoutes.keys'],
  ])('stops the start where one of the paths of an open %s is under /v1', (_what, controller, name) => {
    expect(() => start(Closed, controller)).toThrow(`Routes under /v1 that are @Open(): ${name}.`);
  });

  it('stops the start where a route under /v1 is open, for keys are judged there before routes', () => {
    expect(() => start(Closed, OpenUnderV1)).toThrow('Routes under /v1 that are @Open(): OpenUnderV1.status.');
  });
});
