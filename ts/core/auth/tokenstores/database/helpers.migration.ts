interface IDatabase {
  query(
    text: string,
    values: undefined,
    patience?: { answerMs: number },
  ): Promise<readonly Readonly<Record<string, string | null>>[]>;
}

/** any number, as long as every replica uses the same: "smartreg" in ASCII */
const LOCK = 0x736d6172n * 0x100000000n + 0x74726567n;

/**
 * Hashes and encoded names are ASCII. "C" makes ranges of hashes use the primary key, whatever the locale of the
 * database. A record is JSON in a text: unlike `jsonb` and text columns it may hold NUL as an escape. The end of a token
 * is not part of the record, so that prolonging it is one statement.
 */
const STATEMENTS = [
  `CREATE TABLE IF NOT EXISTS smartregistry_tokens (
    hash text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    record text NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS smartregistry_tokens_by_user ON smartregistry_tokens (user_id, created_at)',
  'CREATE INDEX IF NOT EXISTS smartregistry_tokens_by_end ON smartregistry_tokens (expires_at) WHERE expires_at IS NOT NULL',
  `CREATE TABLE IF NOT EXISTS smartregistry_revocations (
    id_hash text COLLATE "C" PRIMARY KEY,
    ends_at timestamptz
  )`,
  'CREATE INDEX IF NOT EXISTS smartregistry_revocations_by_end ON smartregistry_revocations (ends_at) WHERE ends_at IS NOT NULL',
];

const IS_DONE = `SELECT to_regclass('smartregistry_tokens') IS NOT NULL
  AND to_regclass('smartregistry_revocations') IS NOT NULL AS done`;

/** ms; replicas that start together wait for each other */
const MIGRATION_MS = 30_000;

/**
 * Creates the tables if they are not there. Several statements in one query are one transaction, so a crash leaves
 * nothing. The lock ends with it: `IF NOT EXISTS` alone fails with a unique violation if two processes create a table
 * at the same time. If the tables are there, nothing is created, because that needs a right that the user of the
 * registry may lack.
 */
export const migrate = async (database: IDatabase): Promise<void> => {
  const [state] = await database.query(IS_DONE, undefined);
  if (state?.done === 't') return;
  const whole = [`SELECT pg_advisory_xact_lock(${LOCK})`, ...STATEMENTS].join(';\n');
  await database.query(whole, undefined, { answerMs: MIGRATION_MS });
};
