const FRESH_MS = 60_000;

/**
 * Tokens got as docker gets them: ask without one, follow the challenge with user and password, keep what comes for a
 * while. Yields values for the Authorization header.
 */
export class OciTokens {
  private readonly basic: string;
  private readonly known = new Map<string, { value: string; at: number }>();

  constructor(
    private readonly origin: string,
    { username, password }: { username: string; password: string },
  ) {
    this.basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  async get(repository: string): Promise<string> {
    const known = this.known.get(repository);
    if (known && performance.now() - known.at < FRESH_MS) {
      return known.value;
    }
    const challenge = (await fetch(`${this.origin}/v2/`)).headers.get('www-authenticate') ?? '';
    const part = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
    const realm = part('realm');
    if (!realm) {
      throw new Error(`no token endpoint in the challenge "${challenge}" of ${this.origin}`);
    }
    const url = new URL(realm);
    url.searchParams.set('service', part('service'));
    url.searchParams.set('scope', `repository:${repository}:pull,push`);
    url.searchParams.set('account', 'admin');
    const answer = await fetch(url, { headers: { authorization: this.basic } });
    const { token } = (await answer.json()) as { token?: string };
    if (!token) {
      throw new Error(`no token for ${repository}: ${answer.status} from ${url.pathname}`);
    }
    const value = `Bearer ${token}`;
    this.known.set(repository, { value, at: performance.now() });
    return value;
  }
}
