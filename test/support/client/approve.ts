import type { IServer } from './server.js';

/** What a person does in the browser when a client shows an address: opens the page, fills in the form, sends it. */
export const approveInBrowser = async (url: string, { admin }: IServer): Promise<void> => {
  const page = await fetch(url);
  const html = await page.text();
  const fields = [...html.matchAll(/<input[^>]*\sname="([^"]+)"/g)].map((match) => match[1]!);
  if (page.status !== 200 || !fields.includes('username') || !fields.includes('password')) {
    throw new Error(`${url} is no login page: ${page.status} ${html}`);
  }
  const target = /<form[^>]*\saction="([^"]*)"/.exec(html)?.[1] ?? '';
  const sent = await fetch(new URL(target, url), {
    method: 'POST',
    headers: { origin: new URL(url).origin, 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ username: admin.username, password: admin.password }),
  });
  if (!sent.ok) {
    throw new Error(`the login form was refused: ${sent.status} ${await sent.text()}`);
  }
};
