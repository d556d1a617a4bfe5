import { AppError, type FieldError } from '../common/app-error.js';
import { parseTime } from '../common/time.js';
import { parseEventInput, type EventInput } from './event-input.js';
import type { EventTypeFields } from './event-types.repository.js';
import { DataSchema, schemaProblems } from './schemas/data-schema.js';

/** A sample lies in the memory of every process. */
const MAX_SAMPLE_BYTES = 32 * 1024;

/** What stands against registering a type with these fields, by their paths; empty: nothing. */
export function eventTypeProblems(
  type: string,
  { schema, sample }: Pick<EventTypeFields, 'schema' | 'sample'>,
): FieldError[] {
  const problems = schema === null ? [] : schemaProblems(schema as Record<string, unknown>);
  if (sample === null) return problems;
  if (Buffer.byteLength(JSON.stringify(sample)) > MAX_SAMPLE_BYTES) {
    return [...problems, { field: 'sample', code: 'too_long', message: 'Use at most 32 KiB.' }];
  }
  const dataSchema = schema === null || problems.length > 0 ? null : new DataSchema(schema);
  return [...problems, ...sampleProblems(type, sample, dataSchema)];
}

/** A sample must be an event that could be published, but for the day, for samples grow old. */
function sampleProblems(type: string, sample: object, schema: DataSchema | null): FieldError[] {
  let input: EventInput;
  try {
    input = parseEventInput(sample);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.errors.map((problem) => ({ ...problem, field: `sample.${problem.field}` }));
  }
  const problems: FieldError[] = [];
  if (input.type !== type) problems.push({ field: 'sample.type', code: 'mismatch', message: `Use ${type}.` });
  for (const field of ['kind', 'status'] as const) {
    if (!input.operation || input.operation[field] !== undefined) continue;
    const message = `A custom type gives the ${field} itself.`;
    problems.push({ field: `sample.operation.${field}`, code: 'required', message });
  }
  if (typeof input.occurred_at === 'string' && parseTime(input.occurred_at) === null) {
    const message = 'Use ISO 8601 with an offset, such as 2026-11-02T21:25:52.000Z.';
    problems.push({ field: 'sample.occurred_at', code: 'invalid_time', message });
  }
  return [...problems, ...(schema?.errorsOf(input.data ?? {}, 'sample.data') ?? [])];
}
