import * as v from 'valibot';
import { authOfFiles } from '../config/helpers.authschema.js';
import { maybe, nonEmptyText, refuse, strict } from '../config/helpers.building.js';
import { codeSettings, settings } from '../config/helpers.schema.js';
import type { IAuthConfig } from '../core/auth/interfaces.auth.js';
import type { IRegistryConfig } from '../interfaces.config.js';

/** Settings that only a server of the command line has. */
export interface IServeSettings {
  host?: string;
  port?: number;
  /** names of PEM files; relative ones begin at the folder of the configuration */
  tls?: { cert: string; key: string };
}

/** The content of a configuration file: an `IRegistryConfig` with defaults for nearly everything. */
export type TFileConfig = Omit<Partial<IRegistryConfig>, 'auth'> & { auth?: Partial<IAuthConfig> } & IServeSettings;

const PORT = 'must be a number from 0 to 65535';

const serveSettings = {
  host: maybe(nonEmptyText),
  port: maybe(v.pipe(v.number(PORT), v.integer(PORT), v.minValue(0, PORT), v.maxValue(65_535, PORT))),
  tls: maybe(
    strict<NonNullable<IServeSettings['tls']>>('{ cert, key }: names of files')({
      cert: nonEmptyText,
      key: nonEmptyText,
    }),
  ),
};

const codeNames = Object.keys(codeSettings) as (keyof typeof codeSettings)[];
const isCode = maybe(refuse('holds code: it can be set from a program only'));
const refused = Object.fromEntries(codeNames.map((name) => [name, isCode])) as Record<
  keyof typeof codeSettings,
  typeof isCode
>;

const fileEntries = {
  ...settings,
  ...serveSettings,
  storage: maybe(settings.storage),
  auth: maybe(authOfFiles),
};

/** The schema of a configuration file without settings that are code, for people and editors. */
export const describedSchema = strict<TFileConfig & { $schema?: string }, keyof typeof codeSettings>()({
  $schema: maybe(v.string()),
  ...fileEntries,
});

/** The same schema, with messages for settings that are code. */
export const fileSchema = strict<TFileConfig & { $schema?: string }>('one JSON object')({
  $schema: maybe(v.string('must be text')),
  ...fileEntries,
  ...refused,
});
