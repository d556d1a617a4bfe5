import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { Problem } from '../problem.js';
import { openRoutes } from './open-routes.js';

const DESCRIPTION = `API keys, events, logs and webhooks for the merchants of a payment platform.

**Fields may be added** to any object at any time: ignore those you do not know. None is renamed, removed or retyped.

Send \`Authorization: Bearer <key>\`. Errors are \`application/problem+json\`: decide by \`code\`, see [all codes](/docs/errors).
Any POST takes an \`Idempotency-Key\`: the same request with the same key has its effect once.
Lists are newest first; \`starting_after\` and \`ending_before\` take ids.`;

const KEYS: readonly [name: string, description: string][] = [
  ['public_key', 'A public key, `pk_test_…` or `pk_live_…`: browsers and apps.'],
  ['secret_key', 'A secret key, `sk_test_…` or `sk_live_…`: servers only.'],
  ['restricted_key', 'A restricted key, `rk_test_…` or `rk_live_…`: servers only, what its scopes allow.'],
  ['admin_key', 'A key of the platform, `ak_…`; acts for an account by Signalpost-Account and Signalpost-Mode.'],
];

/** The document of every route of `app`: the same bytes for the same code, whatever the order of modules. */
export function buildOpenApiDocument(app: INestApplication): OpenAPIObject {
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.0.3')
    .setTitle('Signalpost')
    .setDescription(DESCRIPTION)
    .setVersion('1.0.0')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0');
  for (const [name, description] of KEYS) builder.addBearerAuth({ type: 'http', scheme: 'bearer', description }, name);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    extraModels: [Problem],
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  Object.assign(document.paths, openRoutes);
  return sortKeys(document) as OpenAPIObject;
}

/** Orders what has no order of its own: the keys of objects, at every depth but inside examples. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(
    entries.map(([key, item]) => [key, key === 'example' || key === 'examples' ? item : sortKeys(item)]),
  );
}
