import { Agent, request } from 'node:http';
import { boot, type Boot } from './booted-process.js';

export interface FleetAnswer {
  readonly status: number;
  readonly text: string;
}

/** Processes of the built service on one database, which are killed and started again while others work with them. */
export class Fleet {
  private static readonly started = new Set<Fleet>();
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly boots: (Boot | null)[];
  private readonly origins: (string | null)[];
  private turn = 0;
  kills = 0;

  private constructor(
    size: number,
    private readonly environment: NodeJS.ProcessEnv,
  ) {
    this.boots = Array.from({ length: size }, () => null);
    this.origins = Array.from({ length: size }, () => null);
  }

  /** `environment` names the database, and the `DATA_DIR` whose secrets all share. */
  static async start(size: number, environment: NodeJS.ProcessEnv): Promise<Fleet> {
    const fleet = new Fleet(size, environment);
    Fleet.started.add(fleet);
    await Promise.all(Array.from({ length: size }, (_, index) => fleet.begin(index)));
    return fleet;
  }

  /** The address of a process that runs now, each in its turn; null while none does. */
  origin(): string | null {
    const running = this.origins.filter((origin) => origin !== null);
    return running.length === 0 ? null : running[this.turn++ % running.length]!;
  }

  /** Starts a process again; resolves when it serves. */
  async begin(index: number): Promise<void> {
    const booted = boot({ ROLE: 'api', ...this.environment });
    this.boots[index] = booted;
    this.origins[index] = await Promise.race([
      booted.url,
      booted.ended.then(({ errors }) => Promise.reject(new Error(`A process did not start: ${errors}`))),
    ]);
  }

  /** Kills a process whatever it is doing; resolves when it is gone. */
  async kill(index: number): Promise<void> {
    const booted = this.boots[index];
    if (!booted) return;
    // Nobody is told: who works with it finds out by its socket.
    booted.process.kill('SIGKILL');
    this.kills += 1;
    await booted.ended;
    this.origins[index] = null;
    this.boots[index] = null;
  }

  /** Posts to a process that runs now; null when the answer never came, so that nobody knows whether it was done. */
  post(path: string, key: string, body: object): Promise<FleetAnswer | null> {
    const origin = this.origin();
    if (origin === null) return Promise.resolve(null);
    return new Promise((resolve) => {
      const call = request(origin + path, {
        method: 'POST',
        agent: this.agent,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      });
      call.on('error', () => resolve(null));
      call.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', () => undefined);
        response.on('close', () => resolve(response.complete ? { status: response.statusCode!, text } : null));
      });
      call.end(JSON.stringify(body));
    });
  }

  /** For `afterAll`: a test that ran out of time leaves no process behind. */
  static async stopAll(): Promise<void> {
    await Promise.all([...Fleet.started].map((fleet) => fleet.stop()));
  }

  async stop(): Promise<void> {
    Fleet.started.delete(this);
    this.agent.destroy();
    const running = this.boots.filter((booted) => booted !== null);
    for (const { process } of running) process.kill('SIGTERM');
    await Promise.all(running.map(({ ended }) => ended));
  }
}
