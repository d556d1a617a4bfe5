import type { QueryRunner } from 'typeorm';
import type { Database, Statement } from '../../src/database/database.js';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Cond'?: string;
  readonly Filter?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly PlanNode[];
}

/**
 * Runs what a repository asks by plans that know no values, the hardest case, and counts the rows and index entries its
 * scans meet, and the pages it touches.
 */
export class ReadRows {
  count = 0;
  /** Places that word indexes gave at once, all before the first row was read. */
  gathered = 0;
  pages = 0;
  statements = 0;
  readonly nodeTypes = new Set<string>();
  readonly indexConditions = new Set<string>();
  readonly filters = new Set<string>();

  constructor(private readonly runner: QueryRunner) {}

  /** In place of the service's database. */
  get database(): Database {
    const rows = async ({ text }: Statement, values: unknown[]): Promise<unknown[]> => {
      this.statements += 1;
      await this.runner.query(`PREPARE judged AS ${text}`);
      try {
        const given = values.length > 0 ? `(${values.map(literal).join(', ')})` : '';
        const [explained] = (await this.runner.query(
          `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE judged ${given}`,
        )) as { 'QUERY PLAN': { Plan: PlanNode }[] }[];
        const { Plan: plan } = explained!['QUERY PLAN'][0]!;
        // A node's pages hold those of the nodes below it.
        this.pages += (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
        this.add(plan);
      } finally {
        await this.runner.query('DEALLOCATE judged');
      }
      return (await this.runner.query(text, values)) as unknown[];
    };
    return { rows } as unknown as Database;
  }

  private add(node: PlanNode): void {
    this.nodeTypes.add(node['Node Type']);
    if (node['Index Cond'] !== undefined) this.indexConditions.add(node['Index Cond']);
    if (node.Filter !== undefined) this.filters.add(node.Filter);
    if (/(Seq|Index|Index Only|Bitmap Heap) Scan$/.test(node['Node Type'])) {
      const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
      this.count += (node['Actual Rows'] + removed) * node['Actual Loops'];
    }
    if (node['Node Type'] === 'Bitmap Index Scan') this.gathered += node['Actual Rows'] * node['Actual Loops'];
    for (const child of node.Plans ?? []) this.add(child);
  }
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  if (Array.isArray(value)) return quoted(`{${value.map((item) => JSON.stringify(String(item))).join(',')}}`);
  if (value instanceof Date) return quoted(value.toISOString());
  return quoted(typeof value === 'string' ? value : JSON.stringify(value));
}
