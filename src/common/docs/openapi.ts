import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { Problem } from '../problem.js';
import { completeDocument } from './complete-document.js';
import { openRoutes } from './open-routes.js';

const DESCRIPTION = `API keys, events, logs and webhooks for the merchants of a payment platform.

**Keys.** Send \`Authorization: Bearer <key>\`, never in a query string. A key belongs to one account and one mode, \`test\`
or \`live\`, and nothing crosses them: an object of another account or mode does not exist.

**Fields may be added** to any object at any time: ignore those you do not know. None is renamed, removed or retyped.
No key of a resource is left out: it is \`null\` instead. Times are UTC with milliseconds. Amounts are integers in the
currency's minor unit as ISO 4217 counts it: XOF has none, so 2500 is 2,500 XOF.

**Errors** are \`application/problem+json\`: decide by \`code\`, see [all codes](/docs/errors). Every answer has a \`request-id\`.
Fields and parameters that an operation does not know are refused with 422, by name.

**Retry safely.** Any POST takes an \`Idempotency-Key\`: the same request with the same key has its effect once.

**Lists** are newest first; \`starting_after\` and \`ending_before\` take ids. Repeats of a filter mean or, different filters
mean and. \`*_after\` is inclusive, \`*_before\` exclusive.

**Webhooks** are POST requests whose body is the event, byte for byte as \`GET /v1/events/{id}\` gives it. They carry
\`webhook-id\` (the event's id, the same for every attempt: drop what you have seen), \`webhook-timestamp\` and
\`webhook-signature\` as [Standard Webhooks](https://www.standardwebhooks.com) defines them: verify with any of its libraries
and the endpoint's \`whsec_\` secret. Answer 2xx within the endpoint's \`timeout_ms\`; anything else is tried again for 8 days.`;

const TAGS: readonly [name: string, description: string][] = [
  ['Account', 'The account, mode and key that a request is made with.'],
  ['API keys', 'Public, secret and restricted keys: list, regenerate, restrict, revoke.'],
  ['Events', 'What happened to payments and collects: publish, list, read.'],
  ['Event types', 'The types that events can have, with schema and sample.'],
  ['Operations', 'The present state and the timeline of each payment and collect.'],
  ['Client', 'What a page may read with a public key and a client token.'],
  ['Logs', 'Every action and its outcome, for people to search.'],
  ['Webhooks', 'Endpoints that events are sent to, and their signing secrets.'],
  ['Deliveries', 'What is owed or was sent to each endpoint, with every attempt.'],
  ['Admin: accounts', "The platform's merchants."],
  ['Admin: event types', "The platform's own event types."],
  ['Admin: statistics', 'Backlog and rates of the whole platform.'],
  ['Admin: logs', 'What the platform itself did.'],
  ['Documentation', 'This document, and the error codes.'],
  ['Health', 'For load balancers and supervisors.'],
];

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
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/', 'This service');
  for (const [name, description] of TAGS) builder.addTag(name, description);
  for (const [name, description] of KEYS) builder.addBearerAuth({ type: 'http', scheme: 'bearer', description }, name);
  const document = SwaggerModule.createDocument(app, builder.build(), {
    extraModels: [Problem],
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  Object.assign(document.paths, structuredClone(openRoutes));
  completeDocument(document);
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
