import { AppError } from '../app-error.js';
import { DEFAULT_JSON_LIMITS, parseJsonBody, type JsonLimits } from '../input/json-gate.js';
import { allowsNoBody, validate, type DtoClass } from '../input/validate.js';

/** Metadata of handlers that read the body by `@JsonBody`. */
export const DECLARES_BODY = 'signalpost:declares-body';

/** Bodies of every route but batches. */
export const BODY_LIMIT_BYTES = 256 * 1024;
export const BATCH_BODY_LIMIT_BYTES = 5 * 1024 * 1024;

/**
 * The body as an instance of `type`, or as the JSON value it is when there is no `type`.
 * A body may be left out where no field is required.
 * @throws AppError 400 `body_required`, `malformed_json`; 422 `invalid_input`.
 */
export function readBody(
  bytes: Buffer | undefined,
  type?: DtoClass,
  limits: JsonLimits = DEFAULT_JSON_LIMITS,
): unknown {
  if (bytes === undefined || bytes.length === 0) {
    if (type !== undefined && allowsNoBody(type)) return validate(type, {});
    throw new AppError('body_required');
  }
  const value = parseJsonBody(bytes, limits);
  return type === undefined ? value : validate(type, value);
}
