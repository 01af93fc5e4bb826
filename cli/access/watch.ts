/**
 * `danced access watch`: the decisions of a running daemon, as they are made, from its admin server on this machine.
 *
 * Exit codes: 0 stopped by Ctrl-C, or by whoever read the output, 1 the daemon is not there, does not let us, or has gone, 2 wrong
 * usage or configuration.
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { readClientPattern, type ClientPattern } from '../../core/acl/patterns.ts';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../../core/config/endpoint.ts';
import { ConfigError } from '../../core/config/errors.ts';
import { defaultConfigFile } from '../config-file.ts';
import {
  asCommandError,
  CommandError,
  exitCode,
  fileErrorWords,
  processOutput,
  type Output,
} from '../output.ts';
import { loadConfigAndPlugins } from '../plugins.ts';
import {
  eventInJson,
  eventInWords,
  isShown,
  readEvent,
  type WatchedEvent,
  type WatchFilter,
} from './watch-events.ts';

interface CommandOptions {
  readonly config: string;
  readonly at?: Endpoint;
  readonly name?: ClientPattern;
  readonly no?: boolean;
  readonly json?: boolean;
}

const path = '/access/decisions';
const usualPort = 9153;
/** Characters of one line: the daemon's own have at most some thousand. */
const longestLine = 256 * 1024;
/** Characters of an answer that is a no. */
const longestWords = 4096;
/** Milliseconds until the answer must have begun. */
const answerTimeMs = 5000;

/** Adds the command to the program. */
export function registerWatch(parent: Command, output: Output = processOutput): void {
  parent
    .command('watch')
    .summary('show the decisions of the running daemon, as they are made')
    .description(
      'Show what the running daemon decides: who connects, what clients ask for, yes or no, by which entry and rule, and why. It asks the daemon at observe.listen, which must be on loopback. Ctrl-C ends it.',
    )
    .option('-c, --config <file>', 'the configuration of the daemon', defaultConfigFile)
    .addOption(
      new Option('--at <address:port>', 'ask there, and read no configuration').argParser(parseAtArgument),
    )
    .addOption(
      new Option('--name <pattern>', 'of this client only, or with "*.name" of those below it').argParser(
        parsePatternArgument,
      ),
    )
    .option('--no', 'what was not allowed only')
    .option('--json', 'print each as a line of JSON')
    .action(async (options: CommandOptions) => {
      const stop = new AbortController();
      const release = stopBySignals(stop, output);
      try {
        await watch(options, output, stop.signal);
        process.exitCode = exitCode.done;
      } finally {
        release();
      }
    });
}

/** Shows decisions till the signal ends it. Rejects with CommandError when the daemon does. */
async function watch(options: CommandOptions, output: Output, stop: AbortSignal): Promise<void> {
  const at = options.at ?? (await listenOf(options.config));
  const filter: WatchFilter = { name: options.name, onlyNo: options.no === true };
  try {
    const response = await ask(at, stop);
    let isFirst = true;
    for await (const event of eventsOf(response)) {
      if (isFirst) checkHead(event, at);
      else if (isShown(event, filter)) {
        output.print(options.json === true ? eventInJson(event) : eventInWords(event));
        await roomIn(output, stop);
      }
      isFirst = false;
    }
  } catch (error) {
    if (stop.aborted) return;
    throw error instanceof CommandError ? error : gone(at, error);
  }
  if (!stop.aborted) throw gone(at);
}

/** Where the admin server of the configuration is, as it is reached from this machine. Rejects with CommandError. */
async function listenOf(file: string): Promise<Endpoint> {
  let listen: Endpoint | undefined;
  try {
    ({ listen } = (await loadConfigAndPlugins(file)).config.observe);
  } catch (error) {
    const words = fileErrorWords(error);
    if (words !== undefined && !(error instanceof ConfigError))
      throw new CommandError(`${file}: ${words}`, { cause: error });
    throw asCommandError(error);
  }
  if (listen === undefined) {
    throw new CommandError(
      `${file} has no observe.listen, so the daemon cannot be asked; write observe: { listen: "127.0.0.1:${String(usualPort)}" } and restart it`,
    );
  }
  if (listen.port === 0) {
    throw new CommandError(
      `${file} lets the system choose the port of observe.listen; say which it is with --at`,
    );
  }
  const loopback = new Map([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
  ]);
  return { ...listen, address: loopback.get(listen.address) ?? listen.address };
}

/** Rejects with CommandError for an answer that is a no, and for none. */
async function ask(at: Endpoint, stop: AbortSignal): Promise<IncomingMessage> {
  const asked = request({ host: at.address, port: at.port, path, agent: false, signal: stop });
  // It must not end the process after the answer has begun.
  asked.on('error', () => undefined);
  const timer = setTimeout(() => {
    asked.destroy(new Error(`no answer within ${String(answerTimeMs / 1000)} s`));
  }, answerTimeMs);
  try {
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.setEncoding('utf8');
    if (response.statusCode === 200) return response;
    throw refused(at, response.statusCode ?? 0, await wordsOf(response));
  } catch (error) {
    if (error instanceof CommandError || stop.aborted) throw error;
    throw notThere(at, error);
  } finally {
    clearTimeout(timer);
  }
}

function refused(at: Endpoint, status: number, words: string): CommandError {
  const said = words === '' ? `HTTP status ${String(status)}` : words;
  const advice = status === 404 ? '; is that the daemon, and as new as this command?' : '';
  return no(`${formatEndpoint(at)} does not show its decisions: ${said}${advice}`);
}

function notThere(at: Endpoint, error: unknown): CommandError {
  const { code, message } = error as NodeJS.ErrnoException;
  const where = formatEndpoint(at);
  if (code === 'ECONNREFUSED')
    return no(`nobody listens at ${where}: the daemon does not run, or has another observe.listen`, error);
  return no(`${where} cannot be asked: ${message}`, error);
}

function gone(at: Endpoint, error?: unknown): CommandError {
  return no(`the daemon at ${formatEndpoint(at)} has ended, or has closed the connection`, error);
}

function no(message: string, cause?: unknown): CommandError {
  return new CommandError(message, { cause, exitCode: exitCode.no });
}

function checkHead(head: WatchedEvent, at: Endpoint): void {
  if (head['feed'] !== 'decisions') throw no(`what answers at ${formatEndpoint(at)} is not danced`);
  if (head['version'] !== 1)
    throw no(`the daemon at ${formatEndpoint(at)} is of another version than this command; use its own`);
}

/** Lines that are no object of JSON are left out. Throws CommandError for one that does not end. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<WatchedEvent, void, undefined> {
  let rest = '';
  for await (const chunk of response) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) throw no('what answers is not danced: a line has no end');
    for (const line of lines) {
      const event = readEvent(line);
      if (event !== undefined) yield event;
    }
  }
}

async function wordsOf(response: IncomingMessage): Promise<string> {
  let words = '';
  for await (const chunk of response) {
    words += String(chunk);
    if (words.length > longestWords) break;
  }
  return words.slice(0, longestWords).trim();
}

/** Whoever reads slowly (a pager) makes us read slowly, and so the daemon knows what he misses. */
async function roomIn(output: Output, stop: AbortSignal): Promise<void> {
  if (output === processOutput && process.stdout.writableNeedDrain)
    await once(process.stdout, 'drain', { signal: stop });
}

/** Gives what undoes it. */
function stopBySignals(stop: AbortController, output: Output): () => void {
  const end = (): void => {
    stop.abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, end);
  // Nobody reads any more (`danced access watch | head`).
  if (output === processOutput) process.stdout.once('error', end);
  return () => {
    for (const signal of signals) process.off(signal, end);
    process.stdout.off('error', end);
  };
}

function parseAtArgument(text: string): Endpoint {
  try {
    return parseEndpoint(text, usualPort);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(`It ${error.message}.`);
  }
}

function parsePatternArgument(text: string): ClientPattern {
  try {
    return readClientPattern(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError(`It ${error.message}.`);
  }
}
