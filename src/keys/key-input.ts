import { normalOrigin } from '../auth/browser/browser-rule.js';
import { isAddressOrRange } from '../auth/verification/address-list.js';
import { AppError, type FieldError } from '../common/app-error.js';
import type { KeyRules } from './key-issuer.js';
import type { ChangeKeyBody, CreateRestrictedKeyBody } from './keys.dto.js';
import type { KeyChange } from './keys.repository.js';

/** @throws AppError `invalid_input` for entries that are no addresses. */
export function toKeyRules(body: CreateRestrictedKeyBody): KeyRules {
  const errors = addressErrors(body.allowed_ips);
  if (errors.length) throw AppError.invalid(errors);
  return { name: body.name, scopes: body.scopes, allowedIps: body.allowed_ips, expiresAt: body.expires_at };
}

/** @throws AppError `invalid_input` for entries that are no addresses or no origins. */
export function toKeyChange(body: ChangeKeyBody): KeyChange {
  const errors = [...addressErrors(body.allowed_ips ?? []), ...originErrors(body.allowed_origins ?? [])];
  if (errors.length) throw AppError.invalid(errors);
  const allowedOrigins = body.allowed_origins?.map((origin) => normalOrigin(origin)!);
  return { name: body.name, allowedIps: body.allowed_ips, allowedOrigins };
}

function addressErrors(entries: readonly string[]): FieldError[] {
  return entries.flatMap((entry, index) => {
    if (isAddressOrRange(entry)) return [];
    const message = 'Use an IPv4 or IPv6 address, or a CIDR range such as 203.0.113.0/24.';
    return [{ field: `allowed_ips[${index}]`, code: 'invalid_address', message }];
  });
}

function originErrors(entries: readonly string[]): FieldError[] {
  return entries.flatMap((entry, index) => {
    if (normalOrigin(entry) !== null) return [];
    const message = 'Use scheme, host and port alone, without wildcards, such as https://shop.example.';
    return [{ field: `allowed_origins[${index}]`, code: 'invalid_origin', message }];
  });
}
