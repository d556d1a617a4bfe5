import type { MigrationInterface, QueryRunner } from 'typeorm';
import { FUNCTION_FILES, readSql, SCHEMA_FILES } from './sql-files.js';

export class InitialSchema1793577600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const file of [...SCHEMA_FILES, ...FUNCTION_FILES]) await queryRunner.query(readSql(file));
    await queryRunner.query(readSql('word-indexes.sql'));
    await queryRunner.query(readSql('late-events-index.sql'));
    await queryRunner.query(readSql('producer-role.sql'));
  }

  /** Leaves the schema itself, for it holds the table of migrations. */
  async down(queryRunner: QueryRunner): Promise<void> {
    const objects: { drop: string }[] = await queryRunner.query(`
      SELECT format('DROP FUNCTION %s CASCADE', p.oid::regprocedure) AS drop
      FROM pg_proc p WHERE p.pronamespace = 'signalpost'::regnamespace
      UNION ALL
      SELECT format('DROP %s %s CASCADE', CASE c.relkind WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, c.oid::regclass)
      FROM pg_class c
      WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relkind IN ('r', 'p', 'c') AND NOT c.relispartition
        AND c.relname <> 'migrations'`);
    for (const { drop } of objects) await queryRunner.query(drop);
  }
}
