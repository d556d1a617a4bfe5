import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';
import { ERROR_CODES, type ErrorCode } from '../app-error.js';
import { PROBLEM_MEDIA_TYPE } from '../problem.js';

interface ParameterSchema {
  example?: unknown;
  minLength?: number;
  maxLength?: number;
  items?: object;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  description?: string;
  example?: unknown;
  schema?: ParameterSchema;
}

interface Answer {
  description?: string;
  headers?: Record<string, object>;
  content?: Record<string, object>;
}

interface Body {
  required?: boolean;
  readonly content?: Record<string, { schema?: { $ref?: string } }>;
}

interface Operation {
  description?: string;
  parameters?: Parameter[];
  requestBody?: Body;
  readonly responses: Record<string, Answer>;
  readonly security?: object[];
  readonly 'x-required-scope'?: string;
}

type Schemas = Record<string, { required?: string[] }>;

const REQUEST_ID = { $ref: '#/components/headers/RequestId' };
const HEADERS = {
  RequestId: {
    description: 'Names the request in our logs. A `request-id` that you send is taken.',
    schema: { type: 'string', example: 'req_01k96sd3k8e2r9wq6m4h0v5xtz' },
  },
  IdempotencyReplayed: {
    description: '`true` when this is the stored answer of an earlier request with the same `Idempotency-Key`.',
    schema: { type: 'string', enum: ['true'] },
  },
  RetryAfter: { description: 'Seconds to wait.', schema: { type: 'integer', example: 1 } },
};
const IDEMPOTENCY_KEY: Parameter & { required: boolean } = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Any text of printable ASCII, such as led-99812-1. The same request with the same key within 30 days has its effect once and gets the ' +
    'same answer, in which fields that hold a secret are null.',
  // Without an example: `/docs` would send it with every try, and the second one would be refused.
  schema: { type: 'string', minLength: 1, maxLength: 255 } as object,
};
/** Statuses whose answers say how long to wait. */
const WITH_RETRY_AFTER: readonly string[] = ['409', '429', '503'];

/** Adds to every operation what is the same for all of them, and therefore stands at none. */
export function completeDocument(document: OpenAPIObject): void {
  const schemas = (document.components?.schemas ?? {}) as Schemas;
  document.components = { ...document.components, headers: HEADERS };
  for (const path of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(path as Record<string, Operation>)) {
      completeOperation(operation, method, schemas);
    }
  }
}

function completeOperation(operation: Operation, method: string, schemas: Schemas): void {
  const { requestBody, security = [], responses } = operation;
  for (const parameter of operation.parameters ?? []) completeParameter(parameter);
  if (requestBody) requestBody.required = needsBody(requestBody, schemas);
  if (security.length > 0) {
    addErrors(operation, ['invalid_input']);
    if (requestBody) addErrors(operation, ['malformed_json', 'body_too_large', 'unsupported_media_type']);
    if (requestBody?.required) addErrors(operation, ['body_required']);
    if (method === 'post') takeIdempotencyKey(operation);
    tellScope(operation);
  }
  for (const [status, answer] of Object.entries(responses)) completeAnswer(answer, status, method);
}

function completeParameter(parameter: Parameter): void {
  if (parameter.example === null) delete parameter.example;
  if (parameter.schema?.example === null) delete parameter.schema.example;
  if (parameter.schema?.items !== undefined) parameter.schema = limitItems(parameter.schema);
  if (parameter.in !== 'path' || parameter.description !== undefined) return;
  parameter.description = parameter.name === 'id' ? 'The id of the object.' : `The ${parameter.name} of the object.`;
}

/** Swagger leaves the length of a list's items at the list, where it says nothing. */
function limitItems({ minLength, maxLength, items, ...list }: ParameterSchema): ParameterSchema {
  if (maxLength === undefined) return { ...list, items };
  return { ...list, items: { ...items, minLength, maxLength } };
}

function needsBody({ content = {}, required = true }: Body, schemas: Schemas): boolean {
  const reference = content['application/json']?.schema?.$ref;
  if (reference === undefined) return required;
  return (schemas[reference.split('/').at(-1)!]?.required ?? []).length > 0;
}

function takeIdempotencyKey(operation: Operation): void {
  addErrors(operation, ['idempotency_in_progress', 'idempotency_key_reused']);
  const others = (operation.parameters ?? []).filter(({ name }) => name !== IDEMPOTENCY_KEY.name);
  operation.parameters = [...others, IDEMPOTENCY_KEY];
}

function tellScope(operation: Operation): void {
  const scope = operation['x-required-scope'];
  if (scope === undefined) return;
  const sentence = `Restricted keys need the scope \`${scope}\`.`;
  operation.description = operation.description ? `${operation.description}\n\n${sentence}` : sentence;
}

/** Adds the codes that are not documented yet to the answers of their statuses. */
function addErrors({ responses }: Operation, codes: readonly ErrorCode[]): void {
  for (const code of codes) {
    const [status, , sentence] = ERROR_CODES[code];
    const line = `\`${code}\`: ${sentence}`;
    const answer = (responses[status] ??= {
      content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
    });
    const lines = answer.description ? answer.description.split('\n\n') : [];
    answer.description = lines.includes(line) ? answer.description : [...lines, line].join('\n\n');
  }
}

function completeAnswer(answer: Answer, status: string, method: string): void {
  answer.description ||= `${STATUS_CODES[status] ?? 'Answer'}.`;
  answer.headers = {
    'request-id': REQUEST_ID,
    ...(method === 'post' && status < '300' ? { 'idempotency-replayed': reference('IdempotencyReplayed') } : {}),
    ...(WITH_RETRY_AFTER.includes(status) ? { 'retry-after': reference('RetryAfter') } : {}),
    ...answer.headers,
  };
}

function reference(header: keyof typeof HEADERS): object {
  return { $ref: `#/components/headers/${header}` };
}
