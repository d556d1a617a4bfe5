import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { createAdapter } from '../http/adapter.js';
import { buildOpenApiDocument } from './openapi.js';

/** `written`: the file holds the document now; `same`: it did before; `differs`: it does not, and was left alone. */
export type OpenApiOutcome = 'written' | 'same' | 'differs';

/**
 * Writes the document of `root`'s routes to `path`, or with `check` only tells whether the file holds it. Nothing of
 * the application is instantiated, so it needs neither database nor configuration.
 */
export async function runOpenApi(root: Type | DynamicModule, path: string, check: boolean): Promise<OpenApiOutcome> {
  const app = await NestFactory.create<NestFastifyApplication>(root, createAdapter({ trustProxy: [] }), {
    preview: true,
    abortOnError: false,
    logger: ['error'],
  });
  const document = buildOpenApiDocument(app);
  await app.close();
  return writeOpenApi(document, path, check);
}

async function writeOpenApi(document: OpenAPIObject, path: string, check: boolean): Promise<OpenApiOutcome> {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  const present = await readFile(path, 'utf8').catch(() => null);
  if (present === text) return 'same';
  if (check) return 'differs';
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return 'written';
}
