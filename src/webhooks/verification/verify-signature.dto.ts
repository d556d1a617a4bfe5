import { BooleanField, EnumField, MapField, StringField } from '../../common/fields.js';
import { type SignatureVerdict, VERDICT_REASONS, type VerdictReason } from './signature-verdict.js';

/** Twice the largest event. */
export const MAX_BODY_BYTES = 512 * 1024;
/** What such a body may become as a JSON string, with its headers beside it. */
export const VERIFY_BODY_LIMIT_BYTES = 1024 * 1024;

export class VerifySignatureRequest {
  @MapField({
    description: 'All headers of the request as you received them; the case of names does not matter.',
    example: {
      'webhook-id': 'evt_01k96sd3k8e2r9wq6m4h0v5xtz',
      'webhook-timestamp': '1793741152',
      'webhook-signature': 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
    },
    maxPairs: 100,
    maxKeyLength: 256,
    maxValueLength: 8_192,
  })
  headers!: Record<string, string>;

  @StringField({
    description: 'The raw body as a string, exactly as it arrived. At most 512 KiB.',
    example: '{"id":"evt_01k96sd3k8e2r9wq6m4h0v5xtz","object":"event"}',
    minLength: 0,
    maxLength: MAX_BODY_BYTES,
  })
  body!: string;
}

export class VerifySignatureResponse {
  @BooleanField({ description: 'Whether a verifier with the right secret takes the request now.', example: false })
  valid!: boolean;

  @EnumField({
    description: 'The first thing that is wrong; null when nothing is.',
    example: 'body_changed',
    values: VERDICT_REASONS,
    nullable: true,
  })
  reason!: VerdictReason | null;

  @StringField({
    description: 'What to do, for people.',
    example: 'The body was parsed and written again: its values are right, its bytes are not.',
  })
  hint!: string;
}

export function toVerifySignatureResponse({ valid, reason, hint }: SignatureVerdict): VerifySignatureResponse {
  return { valid, reason, hint };
}
