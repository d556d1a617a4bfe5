import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The process's environment, with what a `.env` file in the working directory adds to it. Set variables win. */
export function readEnvironment(): NodeJS.ProcessEnv {
  const file = join(process.cwd(), '.env');
  if (existsSync(file)) process.loadEnvFile(file);
  return process.env;
}
