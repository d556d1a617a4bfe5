import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { OpenAPIObject } from '@nestjs/swagger';

/** `written`: the file holds the document now; `same`: it did before; `differs`: it does not, and was left alone. */
export type OpenApiOutcome = 'written' | 'same' | 'differs';

/** Writes `document` to `path`, or with `check` only tells whether the file holds it. */
export async function writeOpenApi(document: OpenAPIObject, path: string, check: boolean): Promise<OpenApiOutcome> {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  const present = await readFile(path, 'utf8').catch(() => null);
  if (present === text) return 'same';
  if (check) return 'differs';
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return 'written';
}
