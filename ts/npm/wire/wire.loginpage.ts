/** The page that `npm login` opens in a browser. It loads nothing and runs no script. */

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] as string);

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:22rem;margin:12vh auto;padding:0 1rem;color:#222}' +
  'label,input,button{display:block;width:100%;box-sizing:border-box}' +
  'input,button{font:inherit;padding:.5rem;margin:.25rem 0 1rem}' +
  '.error{color:#a00}.note{color:#555;font-size:.9rem}';

const page = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>`;

export interface ILoginForm {
  /** host to which the user logs in */
  host: string;
  /** why the last attempt failed */
  error?: string;
  username?: string;
  /** offers to create an account (`npm adduser`) */
  create: boolean;
}

/** The form is sent to the URL that it was loaded from. */
export const loginForm = ({ host, error, username = '', create }: ILoginForm): string =>
  page(
    create ? 'Create an account' : 'Log in',
    `<p>${escapeHtml(host)}</p>` +
      (error ? `<p class="error" role="alert">${escapeHtml(error)}</p>` : '') +
      `<form method="post"><label for="u">User name</label><input id="u" name="username" required autofocus ` +
      `autocomplete="username" value="${escapeHtml(username)}"><label for="p">Password</label><input id="p" ` +
      `name="password" type="password" required autocomplete="${create ? 'new' : 'current'}-password">` +
      (create ? '<label for="e">E-mail</label><input id="e" name="email" type="email" autocomplete="email">' : '') +
      '<button>Continue</button></form><p class="note">Continue only if you have just started this login on your own ' +
      'command line: it will act in your name.</p>',
  );

export const loginDone = (): string => page('Done', '<p>You can close this page and go on at your command line.</p>');

export const loginOver = (reason: string): string => page('The login failed', `<p>${escapeHtml(reason)}</p>`);

/**
 * No other site may frame the page or send the form, and its URL must not leak, because it contains the login's name.
 * @see https://www.w3.org/TR/CSP3/
 */
export const PAGE_HEADERS: Record<string, string> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
};

/**
 * Whether the form was sent from our own page, according to the browser's headers. Other clients send none of them, and
 * have no user's stored password.
 */
export const isOwnForm = (headers: { site?: string; origin?: string; host?: string; publicUrl: string }): boolean => {
  const { site, origin, host, publicUrl } = headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  try {
    const from = new URL(origin);
    return from.host === host || from.origin === new URL(publicUrl).origin;
  } catch {
    return false; // `null`, or no URL at all
  }
};
