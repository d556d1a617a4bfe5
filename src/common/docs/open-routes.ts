import type { OpenAPIObject } from '@nestjs/swagger';

type Paths = OpenAPIObject['paths'];

const problem = {
  description: 'Not ready: `unavailable` says why.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/** The routes that stand before Nest and are therefore not found by its scanner. */
export const openRoutes: Paths = {
  '/healthz': route('Health', 'Whether the process answers', 'Health_alive', json({ status: 'ok' })),
  '/readyz': route('Health', 'Whether the process wants requests', 'Health_ready', json({ status: 'ready' }), problem),
  '/docs': route('Documentation', 'This document to read and try', 'Documentation_page', html()),
  '/docs/errors': route('Documentation', 'Every error code', 'Documentation_errors', html()),
  '/openapi.json': route('Documentation', 'This document', 'Documentation_document', json({ openapi: '3.0.3' })),
};

function route(
  tag: string,
  summary: string,
  operationId: string,
  success: object,
  unavailable?: object,
): Paths[string] {
  return {
    get: {
      operationId,
      summary,
      tags: [tag],
      security: [],
      responses: { 200: success, ...(unavailable ? { 503: unavailable } : {}) },
    },
  } as Paths[string];
}

function json(example: object): object {
  return { description: 'OK', content: { 'application/json': { schema: { type: 'object' }, example } } };
}

function html(): object {
  return { description: 'OK', content: { 'text/html': { schema: { type: 'string' } } } };
}
