import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { accessOf } from './access.decorator.js';

/** Stops the boot when a route says neither who may call it nor that everyone may: nothing is open by oversight. */
@Injectable()
export class RouteCoverage implements OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onApplicationBootstrap(): void {
    const uncovered = this.uncoveredRoutes();
    if (uncovered.length) throw new Error(`Routes without @Access() or @Open(): ${uncovered.join(', ')}.`);
  }

  private uncoveredRoutes(): string[] {
    return this.discovery.getControllers().flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const prototype = metatype.prototype as Record<string, object>;
      return this.scanner
        .getAllMethodNames(prototype)
        .filter((name) => Reflect.hasMetadata(PATH_METADATA, prototype[name]!) && !accessOf(prototype[name]!, metatype))
        .map((name) => `${metatype.name}.${name}`);
    });
  }
}
