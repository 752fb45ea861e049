// The certified provider of OpenID Connect `oidc-provider` on a free port of 127.0.0.1, with its own forms for signing in and
// agreeing. Tests tell it who there is and whom it serves; it ends with whoever has started it.

import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const people = new Map();
const clients = new Map();

// All that it keeps, in memory: by model and id, and by the other names that some models are looked for with.
const kept = new Map();
const named = new Map();
const granted = new Map();

class Kept {
  constructor(model) {
    this.model = model;
  }
  key(id) {
    return `${this.model}:${id}`;
  }
  async upsert(id, payload) {
    const key = this.key(id);
    if (payload.uid) named.set(`uid:${payload.uid}`, key);
    if (payload.userCode) named.set(`code:${payload.userCode}`, key);
    if (payload.grantId) {
      granted.set(payload.grantId, [...(granted.get(payload.grantId) ?? []), key]);
    }
    kept.set(key, payload);
  }
  async find(id) {
    return this.model === 'Client' ? clients.get(id) : kept.get(this.key(id));
  }
  async findByUid(uid) {
    return kept.get(named.get(`uid:${uid}`));
  }
  async findByUserCode(code) {
    return kept.get(named.get(`code:${code}`));
  }
  async consume(id) {
    kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    kept.delete(this.key(id));
  }
  async revokeByGrantId(grant) {
    for (const key of granted.get(grant) ?? []) kept.delete(key);
    granted.delete(grant);
  }
}

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

let provider;
const server = createServer(async (request, response) => {
  if (request.url === '/test/people' && request.method === 'PUT') {
    const person = await read(request);
    people.set(person.login, person.claims);
    response.writeHead(204).end();
  } else if (request.url === '/test/clients' && request.method === 'PUT') {
    const client = await read(request);
    clients.set(client.client_id, client);
    response.writeHead(204).end();
  } else {
    provider(request, response);
  }
});

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = new Provider(issuer, {
    adapter: Kept,
    clients: [],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    scopes: ['openid', 'email', 'profile', 'groups'],
    async findAccount(_, login) {
      const claims = people.get(login);
      if (!claims) return undefined;
      return { accountId: login, claims: async () => ({ sub: login, ...people.get(login) }) };
    },
    cookies: { keys: ['only for tests'] },
  }).callback();
  process.stdout.write(`listening on ${issuer}\n`);
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
