import type { SignatureSettings } from '../webhook-endpoint.js';
import { DEFAULT_TIMESTAMPED_HEADER, DEFAULT_TIMESTAMPED_LABEL } from '../signature.js';

/** What a receiver's headers say, once they are well formed. */
export interface ReceivedSignature {
  /** Of `webhook-id`; null where the scheme does not sign it and it is absent. */
  readonly id: string | null;
  readonly timestampSeconds: number;
  /** As it stood in the header, for that is what is signed. */
  readonly timestampText: string;
  readonly signatures: readonly Buffer[];
}

export interface HeaderFault {
  readonly reason: 'header_missing' | 'header_malformed';
  readonly hint: string;
}

const TIMESTAMP = /^[0-9]{1,12}$/;
const HMAC_BYTES = 32;
const ED25519_BYTES = 64;
/** As many as an endpoint may have live secrets; a longer list would only cost time. */
const MAX_SIGNATURES = 10;

/** @param headers as the receiver got them; the case of names does not matter */
export function readSignature(
  headers: Readonly<Record<string, string>>,
  settings: SignatureSettings,
): ReceivedSignature | HeaderFault {
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()]));
  const names = requiredHeaders(settings);
  const missing = names.filter((name) => !byName.get(name.toLowerCase()));
  if (missing.length > 0) {
    const hint =
      `Missing: ${missing.join(', ')}. Pass on every header of the request; ` +
      'a proxy, a framework or a test may have dropped them.';
    return { reason: 'header_missing', hint };
  }
  const value = byName.get(names[0]!.toLowerCase())!;
  return settings.scheme === 'timestamped'
    ? readTimestamped(value, settings, byName)
    : readStandard(value, settings, byName);
}

/** The signature's header first. */
function requiredHeaders({ scheme, header }: SignatureSettings): string[] {
  if (scheme === 'timestamped') return [header ?? DEFAULT_TIMESTAMPED_HEADER];
  return ['webhook-signature', 'webhook-id', 'webhook-timestamp'];
}

function readStandard(
  value: string,
  { scheme }: SignatureSettings,
  byName: ReadonlyMap<string, string>,
): ReceivedSignature | HeaderFault {
  const timestampText = byName.get('webhook-timestamp')!;
  if (!TIMESTAMP.test(timestampText)) {
    return malformed('webhook-timestamp must be Unix time in whole seconds, such as 1793741152.');
  }
  const [version, bytes] = scheme === 'standard' ? ['v1', HMAC_BYTES] : ['v1a', ED25519_BYTES];
  const signatures = value
    .split(' ')
    .filter((entry) => entry.startsWith(`${version},`))
    .map((entry) => fromBase64(entry.slice(version.length + 1), bytes))
    .filter((signature) => signature !== null);
  if (signatures.length === 0) {
    return malformed(
      `webhook-signature has no entry of the form ${version},<base64 of ${bytes} bytes>, which the scheme ${scheme} ` +
        'sends; entries are separated by spaces. Pass the header on as it came.',
    );
  }
  return signed(byName.get('webhook-id')!, timestampText, signatures);
}

function readTimestamped(
  value: string,
  settings: SignatureSettings,
  byName: ReadonlyMap<string, string>,
): ReceivedSignature | HeaderFault {
  const label = settings.label ?? DEFAULT_TIMESTAMPED_LABEL;
  const header = settings.header ?? DEFAULT_TIMESTAMPED_HEADER;
  const entries = value.split(',').map((entry) => entry.trim());
  const timestampText = entries.find((entry) => entry.startsWith('t='))?.slice(2) ?? '';
  const signatures = entries
    .filter((entry) => entry.startsWith(`${label}=`))
    .map((entry) => fromHex(entry.slice(label.length + 1)))
    .filter((signature) => signature !== null);
  if (!TIMESTAMP.test(timestampText) || signatures.length === 0) {
    return malformed(`${header} must read t=<Unix time>,${label}=<64 hex digits>. Pass the header on as it came.`);
  }
  return signed(byName.get('webhook-id') ?? null, timestampText, signatures);
}

function signed(id: string | null, timestampText: string, signatures: readonly Buffer[]): ReceivedSignature {
  return {
    id,
    timestampSeconds: Number(timestampText),
    timestampText,
    signatures: signatures.slice(0, MAX_SIGNATURES),
  };
}

function malformed(hint: string): HeaderFault {
  return { reason: 'header_malformed', hint };
}

function fromBase64(text: string, bytes: number): Buffer | null {
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text ? decoded : null;
}

function fromHex(text: string): Buffer | null {
  return /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : null;
}
