import { createHash } from 'node:crypto';
import { zipSync } from 'fflate';

export type TFiles = Record<string, string | Uint8Array | object>;

const bytesOf = (content: string | Uint8Array | object): Uint8Array => {
  if (content instanceof Uint8Array) return content;
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
};

/** A zip of these files; objects become JSON. */
export const zipOf = (files: TFiles, level: 0 | 6 = 6): Buffer => {
  const entries = Object.entries(files).map(([path, content]): [string, Uint8Array] => [path, bytesOf(content)]);
  return Buffer.from(zipSync(Object.fromEntries(entries), { level, mtime: new Date(2026, 0, 1) }));
};

/** The zip of a package with one class; `manifest` is merged into its composer.json. */
export const packageZip = (name: string, version?: string, manifest: object = {}, files: TFiles = {}): Buffer =>
  zipOf({
    'composer.json': {
      name,
      ...(version !== undefined && { version }),
      description: `The package ${name}`,
      type: 'library',
      license: 'MIT',
      autoload: { 'psr-4': { 'Acme\\': 'src/' } },
      ...manifest,
    },
    'src/Hello.php': `<?php\nnamespace Acme;\nclass Hello { const NAME = '${name} ${version ?? ''}'; }\n`,
    ...files,
  });

export const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');
