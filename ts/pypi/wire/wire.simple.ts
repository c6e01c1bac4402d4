import { escapeHtml } from '../../core/pipeline/helpers.html.js';
import type { IPypiDocument, IPypiFile } from '../interfaces.pypi.js';
import { groupByVersion } from './wire.files.js';
import { API_VERSION } from './wire.forms.js';
import { normalVersion } from './wire.versions.js';

/** What the links of a page begin with, and what only some callers may be shown. */
export interface IPageOptions {
  /** normalised */
  project: string;
  publicUrl: string;
  /** the public URL is https: only then a provenance may be announced (PEP 740) */
  isSecure: boolean;
}

/** The path of a file below the public URL. */
export const filePath = (project: string, filename: string): string =>
  `/packages/${project}/${encodeURIComponent(filename)}`;

const provenancePath = (project: string, { filename, version }: IPypiFile): string =>
  `/integrity/${project}/${encodeURIComponent(version)}/${encodeURIComponent(filename)}/provenance`;

/** The files that the project offers: none if it is quarantined (PEP 792). */
export const offeredFiles = ({ files, status }: IPypiDocument): IPypiFile[] =>
  status?.status === 'quarantined' ? [] : Object.values(files);

/** Where `{file}.metadata` can be fetched, its digest; of an sdist none is served. */
export const announcedMetadata = ({ packagetype, metadata }: IPypiFile): { sha256: string } | false =>
  packagetype === 'bdist_wheel' && { sha256: metadata.sha256 };

const fileJson = (file: IPypiFile, { project, publicUrl, isSecure }: IPageOptions): object => {
  const metadata = announcedMetadata(file);
  return {
    filename: file.filename,
    url: publicUrl + filePath(project, file.filename),
    hashes: { sha256: file.sha256 },
    ...(file.requiresPython !== undefined && { 'requires-python': file.requiresPython }),
    size: file.size,
    'upload-time': file.uploadTime,
    yanked: yankedJson(file),
    'core-metadata': metadata,
    // the public index had this name before PEP 714, and older clients look for it. The name of PEP 691,
    // `dist-info-metadata`, must not be there: pip 22.3 to 23.1 crashes if it is an object
    'data-dist-info-metadata': metadata,
    ...(file.attestations && { provenance: isSecure ? publicUrl + provenancePath(project, file) : null }),
  };
};

/** A yank without a reason is `true`: clients may take the empty text for false. */
const yankedJson = ({ yanked }: IPypiFile): boolean | string => (yanked === undefined ? false : yanked || true);

/** A project's page as JSON. @see https://packaging.python.org/en/latest/specifications/simple-repository-api/#project-detail */
export const renderProjectJson = (document: IPypiDocument, options: IPageOptions): object => {
  const files = offeredFiles(document);
  return {
    meta: { 'api-version': API_VERSION },
    name: options.project,
    ...(document.status && { 'project-status': document.status }),
    versions: groupByVersion(files).map(([{ version }]) => normalVersion(version)),
    files: files.map((file) => fileJson(file, options)),
  };
};

const attribute = (name: string, value: string | undefined): string =>
  value === undefined ? '' : ` ${name}="${escapeHtml(value)}"`;

const anchor = (file: IPypiFile, { project, publicUrl, isSecure }: IPageOptions): string => {
  const announced = announcedMetadata(file);
  const metadata = announced ? `sha256=${announced.sha256}` : undefined;
  const provenance = file.attestations && isSecure ? publicUrl + provenancePath(project, file) : undefined;
  const url = `${publicUrl}${filePath(project, file.filename)}#sha256=${file.sha256}`;
  return [
    `<a${attribute('href', url)}`,
    attribute('data-requires-python', file.requiresPython),
    attribute('data-core-metadata', metadata),
    attribute('data-dist-info-metadata', metadata),
    attribute('data-yanked', file.yanked),
    attribute('data-provenance', provenance),
    `>${escapeHtml(file.filename)}</a><br>\n`,
  ].join('');
};

const meta = (name: string, content: string): string => `<meta name="${name}" content="${escapeHtml(content)}">\n`;

/** The beginning of a page. */
export const htmlHead = (title: string, more = ''): string =>
  `<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n${meta('pypi:repository-version', API_VERSION)}${more}<title>${escapeHtml(title)}</title>\n</head>\n<body>\n`;

export const HTML_FOOT = '</body>\n</html>\n';

/** A project's page as HTML: one anchor for each file and no other, because clients take every anchor for a file. */
export const renderProjectHtml = (document: IPypiDocument, options: IPageOptions): string => {
  const { status, reason } = document.status ?? {};
  let more = status === undefined ? '' : meta('pypi:project-status', status);
  if (reason !== undefined) more += meta('pypi:project-status-reason', reason);
  const anchors = offeredFiles(document).map((file) => anchor(file, options));
  return `${htmlHead(`Links for ${options.project}`, more)}<h1>Links for ${options.project}</h1>\n${anchors.join('')}${HTML_FOOT}`;
};
