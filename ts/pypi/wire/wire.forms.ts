import { negotiate } from '../../core/pipeline/helpers.http.js';

/** The version of the simple repository API that the pages follow. */
export const API_VERSION = '1.4';

export const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
const HTML_V1_TYPE = 'application/vnd.pypi.simple.v1+html';
const HTML_TYPE = 'text/html';

/** A representation of a simple page. */
export interface ISimpleForm {
  kind: 'json' | 'html';
  contentType: string;
}

const LATEST = 'application/vnd.pypi.simple.latest';

const FORMS: Record<string, ISimpleForm> = {
  [HTML_TYPE]: { kind: 'html', contentType: 'text/html; charset=utf-8' },
  [HTML_V1_TYPE]: { kind: 'html', contentType: HTML_V1_TYPE },
  [`${LATEST}+html`]: { kind: 'html', contentType: HTML_V1_TYPE },
  [JSON_TYPE]: { kind: 'json', contentType: JSON_TYPE },
  [`${LATEST}+json`]: { kind: 'json', contentType: JSON_TYPE },
};

/**
 * The representation that a query asks for with the name of its media type; undefined if there is no such one. A person
 * who types the `+` of the name into an address sends a blank: the query of a URL is read as a form.
 * @see https://packaging.python.org/en/latest/specifications/simple-repository-api/#url-parameter
 */
export const formNamed = (format = ''): ISimpleForm | undefined => {
  const wanted = format.trim().toLowerCase().replace(' ', '+');
  return Object.hasOwn(FORMS, wanted) ? FORMS[wanted] : undefined;
};

/**
 * The representation that a client prefers. Without an Accept header, and for one that names nothing that we have, it
 * is HTML: `--find-links` and old tools send `text/html` or lists of anything, and uv takes no 406. JSON is preferred
 * among equals only if the client names it: An Accept of any type comes from browsers and old tools.
 * @see https://packaging.python.org/en/latest/specifications/simple-repository-api/#version-format-selection
 */
export const chooseForm = (accept = ''): ISimpleForm => {
  const wanted = accept.toLowerCase();
  const html = [HTML_TYPE, HTML_V1_TYPE];
  const offers = wanted.includes('+json') ? [JSON_TYPE, ...html] : [...html, JSON_TYPE];
  // a name for the newest version stands for v1, and may only be chosen if the client names it
  if (wanted.includes(LATEST)) offers.push(`${LATEST}+json`, `${LATEST}+html`);
  return FORMS[negotiate(accept, offers) ?? HTML_TYPE] as ISimpleForm;
};
