import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { tarOf } from '../../archives/tars.js';
import { metadataOf } from '../distributions.js';

/** A package that real installers install; the same call gives the same bytes. */
export interface IRingPackage {
  /** as its author spells it */
  name: string;
  version: string;
  /** lines of the metadata, e.g. `Requires-Dist: open-leaf` */
  fields?: string[];
  /** another content of the same file name */
  note?: string;
}

export interface IRingFile {
  filename: string;
  bytes: Buffer;
  about: IRingPackage;
  filetype: 'bdist_wheel' | 'sdist';
}

const stemOf = (name: string): string => name.replace(/[-_.]+/g, '_').toLowerCase();
const MTIME = new Date('2020-01-01T00:00:00Z');

/** A wheel with one module and a RECORD of all its files. */
export const ringWheel = (about: IRingPackage): IRingFile => {
  const { name, version, fields, note = '' } = about;
  const stem = stemOf(name);
  const folder = `${stem}-${version}.dist-info`;
  const files: Record<string, string> = {
    [`${stem}/__init__.py`]: `__version__ = "${version}"\nnote = "${note}"\n`,
    [`${folder}/METADATA`]: metadataOf(name, version, { fields, description: `${name}\n` }),
    [`${folder}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: ring\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  };
  const rows = Object.entries(files).map(([path, text]) => {
    const digest = createHash('sha256').update(text).digest('base64url');
    return `${path},sha256=${digest},${Buffer.byteLength(text)}\n`;
  });
  files[`${folder}/RECORD`] = `${rows.join('')}${folder}/RECORD,,\n`;
  const content = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
  const bytes = Buffer.from(zipSync(content, { mtime: MTIME }));
  return { filename: `${stem}-${version}-py3-none-any.whl`, bytes, about, filetype: 'bdist_wheel' };
};

/** A build backend in the sdist itself, so that nothing has to be downloaded to build it. */
const backend = (stem: string, version: string, metadata: string): string => `
import os, zipfile
STEM, INFO = ${JSON.stringify(stem)}, ${JSON.stringify(`${stem}-${version}.dist-info`)}
METADATA = ${JSON.stringify(metadata)}
WHEEL = 'Wheel-Version: 1.0\\nGenerator: ring\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = ${JSON.stringify(`${stem}-${version}-py3-none-any.whl`)}
    with zipfile.ZipFile(os.path.join(folder, name), 'w') as made:
        made.writestr(STEM + '/__init__.py', open('module.py').read())
        made.writestr(INFO + '/METADATA', METADATA)
        made.writestr(INFO + '/WHEEL', WHEEL)
        rows = [STEM + '/__init__.py', INFO + '/METADATA', INFO + '/WHEEL', INFO + '/RECORD']
        made.writestr(INFO + '/RECORD', ''.join(row + ',,\\n' for row in rows))
    return name
def get_requires_for_build_wheel(config_settings=None): return []
`;

/** A source distribution that every installer can build without a network. */
export const ringSdist = (about: IRingPackage): IRingFile => {
  const { name, version, fields, note = '' } = about;
  const stem = stemOf(name);
  const folder = `${stem}-${version}`;
  const metadata = metadataOf(name, version, { fields, description: `${name}\n` });
  const files: Record<string, string> = {
    'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    'backend.py': backend(stem, version, metadata),
    'module.py': `__version__ = "${version}"\nnote = "${note}"\n`,
    'PKG-INFO': metadata,
  };
  const parts = Object.entries(files).map(([path, content]) => ({ name: `${folder}/${path}`, content }));
  return { filename: `${folder}.tar.gz`, bytes: gzipSync(tarOf(...parts)), about, filetype: 'sdist' };
};
