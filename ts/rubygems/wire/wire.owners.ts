import type { IPackageOwner } from '../../core/auth/classes.packageowners.js';

/** A scalar that every YAML reader takes for this text: one in double quotes, with the escapes of JSON. */
const scalar = (text: string): string => (/^[A-Za-z][A-Za-z0-9_-]*$/.test(text) ? text : JSON.stringify(text));

/** Words that YAML 1.1 does not read as texts. */
const isWord = (text: string): boolean => /^(?:y|n|yes|no|on|off|true|false|null)$/i.test(text);

/** The list that `gem owner` reads; it prints the handle of those without an address, and from RubyGems 4 on the role. */
export const renderOwners = (owners: readonly Pick<IPackageOwner, 'userId' | 'id'>[]): string => {
  if (owners.length === 0) return '--- []\n';
  const lines = owners.map(({ userId, id }) => {
    const handle = isWord(userId) ? JSON.stringify(userId) : scalar(userId);
    return `- id: ${id}\n  handle: ${handle}\n  role: owner\n`;
  });
  return `---\n${lines.join('')}`;
};
