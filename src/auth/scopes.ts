/** What a restricted key may be allowed; `read` stands for all that end in `:read` but `webhook_secrets:read`. */
export const SCOPES = [
  'read',
  'events:read',
  'events:write',
  'operations:read',
  'operations:write',
  'logs:read',
  'logs:write',
  'webhooks:read',
  'webhooks:write',
  'webhook_secrets:read',
  'deliveries:read',
  'deliveries:write',
  'stats:read',
] as const;
export type Scope = (typeof SCOPES)[number];

/** Whether `granted` covers `needed`. */
export function allows(granted: readonly Scope[], needed: Scope): boolean {
  if (granted.includes(needed)) return true;
  return granted.includes('read') && needed.endsWith(':read') && needed !== 'webhook_secrets:read';
}
