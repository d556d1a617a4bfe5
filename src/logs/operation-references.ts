import type { EntityManager } from 'typeorm';
import type { Mode } from '../auth/caller.js';
import type { Database, Statement } from '../database/database.js';

/** What is about an operation, or about none. */
export interface OperationRef {
  readonly accountId: string;
  readonly mode: Mode | null;
  readonly operationId?: string | null;
  /** What it is called, where that is known. */
  readonly reference?: string | null;
}

/*
 * No lock: who writes while a reference changes gets the old one or the new one. Index: primary key, once for each
 * operation. The order of ids, of which one is asked for, is what only that index has: before the table is analysed,
 * the planner takes the one on times for as good, and would go through an account in it. The accounts, named once more,
 * keep the statement on their shard.
 */
const READ: Statement = {
  name: 'logs.read_references',
  text: `SELECT g.n::integer AS n, known.reference
    FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS g (account_id, mode, id, n)
    CROSS JOIN LATERAL (
      SELECT o.reference
      FROM signalpost.operations o
      WHERE o.account_id = ANY ($4::uuid[]) AND o.account_id = g.account_id AND o.mode = g.mode
        AND o.id >= g.id AND o.id <= g.id
      ORDER BY o.id LIMIT 1
    ) AS known
    WHERE known.reference IS NOT NULL`,
};

/**
 * The operations' references, parallel to `refs`: those given, else as they are now; null: none, or no such operation.
 */
export async function readReferences(
  database: Database,
  refs: readonly OperationRef[],
  manager?: EntityManager,
): Promise<readonly (string | null)[]> {
  const operations = [...new Map(refs.filter(isUnknown).map((ref) => [keyOf(ref), ref])).values()];
  if (operations.length === 0) return refs.map(({ reference }) => reference ?? null);
  const values = [
    operations.map(({ accountId }) => accountId),
    operations.map(({ mode }) => mode),
    operations.map(({ operationId }) => operationId),
    [...new Set(operations.map(({ accountId }) => accountId))],
  ];
  const rows = await database.rows<{ n: number; reference: string }>(READ, values, manager);
  const references = new Map(rows.map(({ n, reference }) => [keyOf(operations[n - 1]!), reference]));
  return refs.map((ref) => ref.reference ?? references.get(keyOf(ref)) ?? null);
}

function isUnknown({ operationId, reference }: OperationRef): boolean {
  return (operationId ?? null) !== null && (reference ?? null) === null;
}

function keyOf({ accountId, mode, operationId }: OperationRef): string {
  return `${accountId} ${mode} ${operationId}`;
}
