import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PRELOAD = new URL('child-of-run.mjs', import.meta.url).href;
const LAST_LINES = 40;

/** One process of the built service, which is killed, stopped and started again. */
export class ServiceProcess {
  role;
  /** Where it serves; null while it does not. */
  origin = null;
  isFrozen = false;
  /** Ends that nobody caused, with the last lines that the process wrote. */
  accidents = [];
  #environment;
  #child = null;
  #lines = [];

  constructor(role, environment) {
    this.role = role;
    this.#environment = environment;
  }

  get pid() {
    return this.#child?.pid ?? null;
  }

  get publishes() {
    return this.role !== 'dispatcher';
  }

  get dispatches() {
    return this.role !== 'api';
  }

  /** Resolves when it serves, true, or when it ended without that. */
  async start({ clockOffsetMs = 0 } = {}) {
    const child = spawn(process.execPath, ['--import', PRELOAD, 'dist/src/main.js'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: process.env.PATH,
        NODE_ENV: 'test',
        ROLE: this.role,
        PORT: '0',
        METRICS_PORT: '0',
        CLOCK_OFFSET_MS: String(clockOffsetMs),
        ...this.#environment,
      },
    });
    this.#child = child;
    const serving = new Promise((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        let output = '';
        stream.setEncoding('utf8');
        stream.on('data', (text) => {
          this.#lines = [...this.#lines, ...text.split('\n').filter(Boolean)].slice(-LAST_LINES);
          if (this.origin !== null || this.#child !== child) return;
          output += text;
          const [, origin] = /serves (http:[^,]+),/.exec(output) ?? [];
          if (origin === undefined) return;
          this.origin = origin;
          resolve(true);
        });
      }
      child.once('exit', (code, signal) => {
        if (this.origin !== null && this.#child === child) {
          this.accidents.push(`A process ended by itself (${signal ?? code}):\n${this.#lines.join('\n')}`);
        }
        if (this.#child === child) this.#child = this.origin = null;
        resolve(false);
      });
    });
    return serving;
  }

  /** Kills it whatever it is doing; resolves with its number when it is gone. */
  async kill() {
    const child = this.#child;
    if (child === null) return null;
    const exit = once(child, 'exit');
    this.#child = this.origin = null;
    this.isFrozen = false;
    child.kill('SIGKILL');
    await exit;
    return child.pid;
  }

  freeze() {
    this.isFrozen = true;
    this.#child.kill('SIGSTOP');
  }

  thaw() {
    this.isFrozen = false;
    this.#child?.kill('SIGCONT');
  }
}
