import { IdField } from '../common/fields.js';

export class RedeliverRequest {
  @IdField('we', {
    description:
      'The endpoint to send to, whatever event types it takes. Left out or null: every enabled one that takes the type.',
    example: null,
    optional: true,
    nullable: true,
  })
  endpoint_id?: string | null;
}
