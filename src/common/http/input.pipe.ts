import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { AppError } from '../app-error.js';
import { validate, validateQuery, type DtoClass } from '../input/validate.js';
import { readBody } from './body.js';

const UNSTORABLE = /\0|\p{Surrogate}/u;
const NOT_DTOS: ReadonlySet<unknown> = new Set([undefined, Object, String, Number, Boolean, Array, Buffer]);

/** Turns what `@Body()`, `@Query()` and `@Param()` name into validated instances of their classes. */
@Injectable()
export class InputPipe implements PipeTransform {
  transform(value: unknown, { type, metatype, data }: ArgumentMetadata): unknown {
    if (type === 'custom' || metatype === (Buffer as unknown)) return value;
    const dto = NOT_DTOS.has(metatype) ? undefined : (metatype as DtoClass);
    if (type === 'body') return data === undefined ? readBody(value as Buffer | undefined, dto) : value;
    if (data !== undefined || dto === undefined) return storable(value, data);
    return type === 'query'
      ? validateQuery(dto, value as Record<string, unknown>)
      : validate(dto, { ...(value as Record<string, unknown>) });
  }
}

/** A single parameter: its owner decides what it must be, but no text may reach the database that it cannot hold. */
function storable(value: unknown, name: string | undefined): unknown {
  if (typeof value !== 'string' || !UNSTORABLE.test(value)) return value;
  const message = 'Leave out U+0000, unpaired surrogates and bytes that are not UTF-8.';
  throw AppError.invalid([{ field: name ?? 'path', code: 'invalid_character', message }]);
}
