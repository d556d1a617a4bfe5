import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Metrics } from '../common/metrics/metrics.js';
import { Dispatcher } from './dispatcher.js';

/** What this process's dispatcher holds at the moment somebody looks. */
@Injectable()
export class DispatcherGauges {
  constructor(metrics: Metrics, dispatcher: Dispatcher) {
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers: [metrics.registry],
        collect: function () {
          this.set(read());
        },
      });
    gauge('dispatcher_in_flight', 'Deliveries of this process in the air.', () => dispatcher.inFlight);
    gauge('dispatcher_lanes', 'Lanes that this process holds.', () => dispatcher.ownedLanes);
  }
}
