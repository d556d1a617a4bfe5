import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Metrics } from './metrics.js';

/** Serves `/metrics` on a port of its own, which need not be reachable from outside. */
@Injectable()
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly server: Server;

  constructor(
    private readonly config: AppConfig,
    private readonly metrics: Metrics,
  ) {
    this.server = createServer((request, response) => {
      if (request.url?.split('?')[0] !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      void this.metrics.registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': this.metrics.registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    });
  }

  /** The port in use, which differs from the configured one when that is 0. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  onApplicationBootstrap(): Promise<void> {
    const { metricsPort, host } = this.config;
    return new Promise((resolve, reject) => {
      this.server.once('error', (error) => {
        reject(new Error(`METRICS_PORT ${metricsPort} on ${host} cannot be used: ${error.message}`, { cause: error }));
      });
      this.server.listen(metricsPort, host, resolve);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }
}
