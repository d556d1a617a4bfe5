import type { RouteTable } from '../src/common/http/route-table.js';
import { DESCRIBED_ROUTES, type Who } from './support/described-routes.js';
import { DocumentSchemas } from './support/document-schemas.js';
import { FakeDns } from './support/fake-dns.js';
import { type MadeAccount, type Method, Service } from './support/service.js';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly example?: unknown;
  readonly properties?: Record<string, Schema>;
  readonly items?: Schema;
  readonly allOf?: Schema[];
  readonly oneOf?: Schema[];
}
interface Media {
  readonly schema?: Schema;
}
interface Operation {
  readonly operationId: string;
  readonly tags: string[];
  readonly summary: string;
  readonly security: Record<string, unknown>[];
  readonly 'x-required-scope'?: string;
  readonly parameters?: { name: string; in: string; description?: string; schema?: Schema }[];
  readonly requestBody?: { required: boolean; content: Record<string, Media> };
  readonly responses: Record<string, { description: string; headers: object; content?: Record<string, Media> }>;
}
interface Document {
  readonly servers: { url: string }[];
  readonly tags: { name: string; description: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, Schema> };
}

/** Scripts and pictures of the page at `/docs`. */
const ASSET = /^GET \/docs\/.+\.(?:js|css|png)$/;
const SECURITY: Record<Who, string[]> = {
  anyone: [],
  'any key': ['public_key', 'secret_key', 'restricted_key', 'admin_key'],
  public: ['public_key'],
  'any key or platform': ['public_key', 'secret_key', 'restricted_key', 'admin_key'],
  secret: ['secret_key', 'restricted_key', 'admin_key'],
  'secret or platform': ['secret_key', 'restricted_key', 'admin_key'],
  'secret key only': ['secret_key', 'admin_key'],
  platform: ['admin_key'],
  acting: ['admin_key'],
};

describe('the OpenAPI document', () => {
  let service: Service;
  let document: Document;
  let schemas: DocumentSchemas;
  let operations: [name: string, operation: Operation][];

  beforeAll(async () => {
    service = await Service.start();
    const dns = new FakeDns();
    dns.addresses.set('shop.example', ['8.8.8.8']);
    dns.answerFor(service);
    document = (await service.call('get', '/openapi.json').expect(200)).body as Document;
    schemas = new DocumentSchemas(document);
    operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, Operation] => [
        `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
        operation,
      ]),
    );
  });
  afterAll(() => service.stop());

  const wrongs = (check: (operation: Operation, name: string) => unknown): unknown[] =>
    operations.flatMap(([name, operation]) => {
      const wrong = check(operation, name);
      return wrong === undefined || wrong === true ? [] : [[name, wrong]];
    });

  it('holds every route, and no other', () => {
    const instance: unknown = service.app.getHttpAdapter().getInstance();
    const routes = (instance as { routeTable: RouteTable }).routeTable
      .list()
      .filter((name) => !/^(?:HEAD|OPTIONS) /.test(name) && !ASSET.test(name));
    expect(operations.map(([name]) => name).sort()).toEqual(routes.sort());
  });

  it('names for each operation its group, what it does and itself', () => {
    const tags = document.tags.map(({ name }) => name);
    expect(wrongs(({ tags: own }) => (own.length === 1 && tags.includes(own[0]!) ? true : own))).toEqual([]);
    expect(document.tags.every(({ description }) => description !== '')).toBe(true);
    expect(wrongs(({ summary }) => /^[A-Z]/.test(summary))).toEqual([]);
    expect(new Set(operations.map(([, { operationId }]) => operationId)).size).toBe(operations.length);
    expect(document.servers).toHaveLength(1);
  });

  it('says who may call each operation, with which scope', () => {
    const said = operations.map(([name, operation]) => [
      name,
      operation.security.flatMap((alternative) => Object.keys(alternative)),
      operation['x-required-scope'],
    ]);
    const promised = operations.map(([name]) => {
      const { who, scope } = DESCRIBED_ROUTES[name]!;
      return [name, SECURITY[who], scope];
    });
    expect(said).toEqual(promised);
  });

  it('shows what each operation answers: a success with its schema, and the errors that it can meet', () => {
    expect(
      wrongs(({ responses }) => {
        const successes = Object.entries(responses).filter(([status]) => status < '300');
        const shown = successes.filter(
          ([status, { content = {} }]) =>
            status === '204' || Object.values(content).some(({ schema }) => schema !== undefined),
        );
        return successes.length > 0 && shown.length === successes.length ? true : Object.keys(responses);
      }),
    ).toEqual([]);
    expect(
      wrongs(({ responses, requestBody, security, parameters = [] }) => {
        const due = security.length === 0 ? [] : [400, 401, 403, 422, 429, 500, 503];
        if (requestBody) due.push(413, 415);
        if (parameters.some((parameter) => parameter.in === 'path')) due.push(404);
        const missing = due.filter((status) => !(status in responses));
        return missing.length === 0 ? true : missing;
      }),
    ).toEqual([]);
    expect(
      wrongs(({ responses }) =>
        Object.values(responses).every(({ description, headers }) => description !== '' && 'request-id' in headers),
      ),
    ).toEqual([]);
  });

  it('shows what each parameter of a path looks like, and limits the items of a list, not the list', () => {
    expect(
      wrongs(({ parameters = [] }) => {
        const wrong = parameters.filter(({ in: place, schema = {} }) =>
          place === 'path' ? schema.example === undefined : schema.type === 'array' && 'maxLength' in schema,
        );
        return wrong.length === 0 ? true : wrong.map(({ name }) => name);
      }),
    ).toEqual([]);
  });

  it('describes every parameter', () => {
    expect(
      wrongs(({ parameters = [] }) => {
        const bare = parameters.filter(({ description }) => !description).map(({ name }) => name);
        return bare.length === 0 ? true : bare;
      }),
    ).toEqual([]);
  });

  it('takes an Idempotency-Key on every POST', () => {
    expect(
      wrongs(({ parameters = [] }, name) => {
        const takesOne = parameters.some((parameter) => parameter.name === 'Idempotency-Key');
        return takesOne === name.startsWith('POST');
      }),
    ).toEqual([]);
  });

  it('describes every field, with an example that its schema allows', () => {
    const wrong: string[] = [];
    const walk = (schema: Schema, path: string): void => {
      for (const [name, property] of Object.entries(schema.properties ?? {})) {
        const at = `${path}.${name}`;
        const refers = [property, property.items, ...(property.allOf ?? []), ...(property.oneOf ?? [])];
        const hasOwnFields = property.properties !== undefined || property.items?.properties !== undefined;
        if (!property.description) wrong.push(`${at} has no description`);
        if (property.example === undefined) {
          if (!hasOwnFields && !refers.some((part) => part?.$ref)) wrong.push(`${at} has no example`);
        } else {
          wrong.push(...schemas.wrongsOf(property, property.example).map((why) => `${at} = example: ${why}`));
        }
        walk(property, at);
        if (property.items) walk(property.items, `${at}[]`);
      }
    };
    for (const [name, schema] of Object.entries(document.components.schemas)) walk(schema, name);
    for (const [name, { requestBody }] of operations) {
      for (const { schema } of Object.values(requestBody?.content ?? {})) if (schema) walk(schema, name);
    }
    expect(wrong).toEqual([]);
  });

  it('refers to nothing that is not there', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g);
    const components = document.components as unknown as Record<string, Record<string, object>>;
    const dangling = [...references].filter(([, kind, name]) => components[kind!]?.[name!] === undefined);
    expect(dangling.map(([reference]) => reference)).toEqual([]);
  });

  describe('for somebody who follows it', () => {
    let merchant: MadeAccount;
    beforeAll(async () => {
      merchant = await service.makeAccount({ live_publishing: true });
    });

    /** The value that a schema shows by its examples. */
    function shown(schema: Schema): unknown {
      if (schema.example !== undefined) return schema.example;
      if (schema.$ref) return shown(document.components.schemas[schema.$ref.split('/').at(-1)!]!);
      if (schema.items) return [shown(schema.items)];
      if (schema.allOf) return Object.assign({}, ...schema.allOf.map(shown)) as object;
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, shown(inner)]));
    }

    it('takes the bodies that it shows, and answers everything as it says', async () => {
      const key = merchant.test.secretKey;
      const ids: Record<string, string> = { type: 'payment.succeeded', operation: 'col_93d884b76dfaf45' };
      // The example's own time would pass out of the retention some day.
      const present: Record<string, object> = {
        'POST /v1/webhook-endpoints/:id/recover': { since: new Date().toISOString() },
      };
      const made: Record<string, string> = {
        'POST /v1/admin/accounts': 'acct',
        'POST /v1/api-keys': 'key',
        'POST /v1/events': 'evt',
        'POST /v1/logs': 'log',
        'POST /v1/webhook-endpoints': 'we',
        'POST /v1/webhook-endpoints/:id/recover': 'rec',
      };
      // What is made comes first, what ends it last, and the public key is used before it is changed.
      const order = (name: string) =>
        name.startsWith('DELETE') ? 3 : name in made ? 0 : name.includes(':') && !name.includes('/client/') ? 2 : 1;
      // Origins are for public keys.
      const idFor = (name: string) =>
        name === 'PATCH /v1/api-keys/:id' ? merchant.test.publicKeyId : ids[DESCRIBED_ROUTES[name]!.names!];
      const wrong: unknown[] = [];
      const ordered = operations
        .filter(([name]) => !/\/stream$|regenerate$|readyz$|\/jwks\//.test(name))
        .sort(([left], [right]) => order(left) - order(right));
      for (const [name, operation] of ordered) {
        const { who, names } = DESCRIBED_ROUTES[name]!;
        const [method, pattern] = name.split(' ') as [string, string];
        if (names === 'type' && method !== 'GET') continue;
        const media = Object.values(operation.requestBody?.content ?? {})[0];
        if (names === 'del') ids.del ??= await someDelivery(key);
        const response = await service.call(
          method.toLowerCase() as Method,
          pattern.replace(/:\w+/, () => idFor(name) ?? 'none'),
          {
            key:
              who === 'platform' || who === 'acting'
                ? service.adminKey
                : who === 'public'
                  ? merchant.test.publicKey
                  : key,
            ...(who === 'public' ? { headers: await service.clientTokenHeaders(key, ids.operation!) } : {}),
            ...(who === 'acting' ? { headers: { 'signalpost-account': merchant.id, 'signalpost-mode': 'test' } } : {}),
            ...(media?.schema ? { body: { ...(shown(media.schema) as object), ...present[name] } } : {}),
          },
        );
        const { status, body, text } = response;
        const documented = operation.responses[status];
        if (status >= 400 || documented === undefined) {
          wrong.push([name, status, text]);
          continue;
        }
        if (made[name]) ids[made[name]] = (name.endsWith('accounts') ? body.account : body).id as string;
        const schema = documented.content?.['application/json']?.schema;
        if (schema && pattern !== '/openapi.json')
          wrong.push(...schemas.wrongsOf(schema, body).map((why) => [name, why]));
      }
      expect(wrong).toEqual([]);
    });

    async function someDelivery(key: string): Promise<string> {
      const endpoint = { url: 'https://shop.example/other', event_types: ['*'] };
      await service.call('post', '/v1/webhook-endpoints', { key, body: endpoint }).expect(201);
      const event = { type: 'payment.pending', operation: { id: 'pay_1' } };
      await service.call('post', '/v1/events', { key, body: event }).expect(201);
      const { body } = await service.call('get', '/v1/deliveries', { key }).expect(200);
      return body.data[0].id as string;
    }
  });
});
