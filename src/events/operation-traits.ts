export const OPERATION_KINDS = ['payment', 'collect'] as const;
export const OPERATION_STATUSES = ['pending', 'succeeded', 'failed', 'refunded', 'expired', 'cancelled'] as const;
