import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { accessOf } from './access.decorator.js';

/**
 * Stops the boot when a route says neither who may call it nor that everyone may, and when one under `/v1`, where keys
 * are judged before routes, is for everyone: nothing is open by oversight.
 */
@Injectable()
export class RouteCoverage implements OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onApplicationBootstrap(): void {
    const uncovered = this.routesThat(({ access }) => access === null);
    if (uncovered.length) throw new Error(`Routes without @Access() or @Open(): ${uncovered.join(', ')}.`);
    const open = this.routesThat(({ access, path }) => access === 'open' && /^v1(?:\/|$)/.test(path));
    if (open.length) throw new Error(`Routes under /v1 that are @Open(): ${open.join(', ')}.`);
  }

  private routesThat(applies: (route: { access: ReturnType<typeof accessOf>; path: string }) => boolean): string[] {
    return this.discovery.getControllers().flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const prototype = metatype.prototype as Record<string, object>;
      const prefixes = pathsOf(metatype);
      return this.scanner
        .getAllMethodNames(prototype)
        .filter((name) => Reflect.hasMetadata(PATH_METADATA, prototype[name]!))
        .filter((name) => {
          const access = accessOf(prototype[name]!, metatype);
          const paths = prefixes.flatMap((prefix) => pathsOf(prototype[name]!).map((path) => `${prefix}/${path}`));
          return paths.some((path) => applies({ access, path: path.replace(/\/+/g, '/').replace(/^\//, '') }));
        })
        .map((name) => `${metatype.name}.${name}`);
    });
  }
}

/** A controller and a method have one path or several. */
function pathsOf(target: object): string[] {
  return [Reflect.getMetadata(PATH_METADATA, target) as string | string[]].flat();
}
