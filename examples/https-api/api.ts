/** The API: an http.Server, and danced in front of it. All that is special about it is `danced`. */
import { createServer } from 'node:http';
import { openAuthenticator, type AuthenticatorOptions } from '../../core/index.ts'; // installed: 'danced/core'

/** Where it listens, and how to end it. */
export async function startApi(options: AuthenticatorOptions) {
  const danced = await openAuthenticator(options);
  const api = createServer((request, response) => {
    const client = danced.clientOf(request.socket);
    response.writeHead(client ? 200 : 403);
    response.end(client ? `hello ${client.name.toString()}, known by ${client.proof}` : 'who are you?');
  });
  const { addresses } = await danced.listen({ addresses: ['127.0.0.1:0'] }, api);
  return { port: addresses[0]?.port ?? 0, close: () => danced.close(1000) };
}
