import { randomBytes } from 'node:crypto';

/** Bearer tokens for people who logged in: random, held in memory, good for a working day. */
export class Tokens {
  private readonly users = new Map<string, { readonly user: string; readonly until: number }>();

  constructor(
    private readonly now: () => number,
    private readonly seconds = 12 * 3600,
    private readonly most = 1024,
  ) {}

  issue(user: string): { readonly token: string; readonly seconds: number } {
    for (const [token, { until }] of this.users) if (until < this.now()) this.users.delete(token);
    const [oldest] = this.users.keys();
    if (this.users.size >= this.most && oldest !== undefined) this.users.delete(oldest);
    const token = randomBytes(32).toString('base64url');
    this.users.set(token, { user, until: this.now() + this.seconds * 1000 });
    return { token, seconds: this.seconds };
  }

  /** Whose token an Authorization header holds. */
  userOf(authorization: string | undefined): string | undefined {
    const [, token] = /^Bearer\s+(\S+)$/i.exec(authorization ?? '') ?? [];
    const held = this.users.get(token ?? '');
    return held === undefined || held.until < this.now() ? undefined : held.user;
  }
}
