import { createHash } from 'node:crypto';
import { zipOf as zipOfParts } from '../archives/zips.js';

export type TFiles = Record<string, string | Uint8Array | object>;

const bytesOf = (content: string | Uint8Array | object): Buffer =>
  Buffer.from(
    content instanceof Uint8Array ? content : typeof content === 'string' ? content : JSON.stringify(content),
  );

/** A zip of these files; objects become JSON. Noise is stored: deflate takes seconds to make it longer. */
export const zipOf = (files: TFiles): Buffer =>
  zipOfParts(
    Object.entries(files).map(([name, content]) => ({
      name,
      content: bytesOf(content),
      stored: name === 'noise.bin',
    })),
  );

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
