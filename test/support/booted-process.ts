import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface Boot {
  readonly process: ChildProcess;
  /** The exit status, and what was written to standard error. */
  readonly ended: Promise<{ status: number; errors: string }>;
  /** The address, once the process serves it. */
  readonly url: Promise<string>;
}

/** The built service as a process of its own, as an operator starts it. */
export function boot(env: NodeJS.ProcessEnv): Boot {
  const child = spawn(process.execPath, ['dist/src/main.js'], {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'test',
      PORT: '0',
      METRICS_PORT: '0',
      DATA_DIR: process.env.SIGNALPOST_TEST_FOLDER,
      ...env,
    },
  });
  let output = '';
  let errors = '';
  child.stderr.on('data', (data) => (errors += String(data)));
  const url = new Promise<string>((resolve) => {
    let isServing = false;
    child.stdout.on('data', (data) => {
      if (isServing) return;
      output += String(data);
      const match = /serves (http:[^,]+),/.exec(output);
      if (!match) return;
      isServing = true;
      resolve(match[1]!);
    });
  });
  const ended = once(child, 'close').then(([status]) => ({ status: status as number, errors }));
  return { process: child, ended, url };
}
