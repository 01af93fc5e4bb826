/**
 * The core as plugins and programs see it. A plugin imports from here and from nowhere else in core.
 */
export type { AccessChange, AccessControl, AccessListener, AccessViewer } from './acl/access-control.ts';
export type { Charger, Grant } from './acl/grants.ts';
export {
  decisionReasons,
  type AccessRequest,
  type Admission,
  type Allowance,
  type Decision,
  type DecisionReason,
} from './acl/model.ts';
export { readZonePattern } from './acl/patterns.ts';
export { allowanceOf, parseRate, perSecond, presentRate, usualBurst } from './acl/rate.ts';
export { ZoneSet, type ZonePattern } from './acl/zone-set.ts';
export { Answers, extrasOf, tooManyUnderWay } from './answer/answers.ts';
export type { AnswerExtras, AnswerLimits, SourceFailure, SourceOutcome, Waiting } from './answer/answers.ts';
export { QueryReader, type QueryOddity } from './answer/query-reader.ts';
export { ReplyPlan, type ReplyTo, type ReplyWay } from './answer/reply.ts';
export { errorAnswer, forwardedQuery, keepReplyTo } from './answer/messages.ts';
export type { Answer } from './answer/answer.ts';
export { readAnswer } from './answer/answer-scanner.ts';
export { AnswerGate } from './answer-gate/answer-gate.ts';
export type { AnswerRules, AnswerStanding, ReplyKind } from './answer-gate/means.ts';
export type { Question } from './answer-gate/question.ts';
export {
  accessRefusal,
  noTransfers,
  oddities,
  otherClass,
  tooFast,
  tooManyAtOnce,
  type Refusal,
} from './answer-gate/refusals.ts';
export { ReplyCounts } from './answer-gate/reply-counts.ts';
export { clientLimits, type ClientLimits } from './client/limits.ts';
export type { ServerLink } from './client/server-link.ts';
export { parsePin, type ServerPolicy } from './client/server-policy.ts';
export { formatEndpoint, isLoopback, parseEndpoint, type Endpoint } from './config/endpoint.ts';
export { listenerKeys, listenerTls, type ListenerConfig } from './config/listener.ts';
export { withDefaults, type LimitsTable } from './config/limits-table.ts';
export { syncFolder } from './config/sync-folder.ts';
export { configFault, refuseFaults, type ConfigFault } from './config/fault.ts';
export * as schema from './config/schema.ts';
export type { ConfigSchema } from './config/schema.ts';
export { readTextFile } from './config/text-file.ts';
export { issueMessage } from './config/words.ts';
export type { ClaimSource } from './dane/claims.ts';
export type { ClientIdentity } from './dane/identity.ts';
export type { TrustAnchor } from './dnssec/anchors.ts';
export {
  EdeCode,
  EdnsOptionCode,
  Opcode,
  Rcode,
  RrClass,
  RrType,
  rcodeName,
  rrTypeName,
} from './dns/constants.ts';
export {
  encodeOpt,
  extendedError,
  findOption,
  keepalive,
  paddingBlock,
  padTo,
  parseOpt,
  parseExtendedError,
} from './dns/edns.ts';
export type { Edns, EdnsOption } from './dns/edns.ts';
export type { PlainHandler, PlainReply, PlainSource } from './do53/handler.ts';
export { do53Limits, type Do53Limits } from './do53/limits.ts';
export { allowKey, ownSources, sourceList } from './do53/source-keys.ts';
export { warnOfReach } from './do53/reach.ts';
export { parseSource, Sources, type SourceBlock } from './do53/sources.ts';
export { DnsFormatError } from './dns/errors.ts';
export { failureCodes, failureOfAll, resolverFailureCodes, type FailureKind } from './dns/failure.ts';
export { frame, FrameReader } from './dns/framing.ts';
export { encodeMessage, makeQuery, makeResponse, parseMessage, sectionsOf } from './dns/message.ts';
export type { Message, ResourceRecord } from './dns/message.ts';
export { Name } from './dns/name.ts';
export { encodeSoa, parseA, parseAaaa, parseName, parseOrNothing, parseSoa } from './dns/rdata.ts';
export { serialCompare } from './dns/serial.ts';
export { MessageWalker } from './dns/walker.ts';
export { MessageWriter } from './dns/writer.ts';
export { readZoneFile, type RecordLine } from './dns/zone-file.ts';
export { Dispatcher } from './fair/dispatcher.ts';
export { FairEntry, type FairClass, type ShedReason } from './fair/fair-entry.ts';
export { fairLimits, type FairLimits } from './fair/limits.ts';
export { readTurnsLimits, type ReadTurnsLimits } from './fair/read-turns-limits.ts';
export { ReadTurns } from './fair/read-turns.ts';
export { Forwarder } from './forward/forwarder.ts';
export { forwardLimits, type ForwardLimits } from './forward/limits.ts';
export {
  OneServer,
  type OneServerEnd,
  type OneServerFailure,
  type OneServerOptions,
} from './forward/one-server.ts';
export { isTruncated, questionEnd, rcodeOf } from './forward/question.ts';
export {
  forwardServer,
  type ForwardedClient,
  type ForwardEnd,
  type ForwardFailure,
  type ForwardServer,
  type GiveUp,
} from './forward/server.ts';
export { findAddresses, lifeMsOf, type FoundAddresses } from './gates/addresses.ts';
export { GatePool, type GatePoolOptions, type GateState } from './gates/gate-pool.ts';
export { dotPort, gateList, parseGateText, type GateText } from './gates/gate-text.ts';
export type { GateLink } from './gates/gate-way.ts';
export { Gates } from './gates/gates.ts';
export { hopQuery } from './gates/hop-query.ts';
export { gateChoiceLimits, gateLimits, gateRows, linkLimits, type GateLimits } from './gates/limits.ts';
export { followGate, gateMetrics } from './gates/metrics.ts';
export { NetworkWatch, systemSigns, type NetworkSigns } from './gates/network-watch.ts';
export { policyOf, proofFaults, proofKeys, readRoots, systemWord, type ProofConfig } from './gates/proof.ts';
export { GatesError } from './gates/race.ts';
export type { Log } from './observe/log.ts';
export type { Counter, Histogram, Metrics } from './observe/metrics.ts';
export { dnsNameFromName } from './pki/dns-name.ts';
export type { Certificate } from './pki/certificate.ts';
export { parseResolvConf } from './embed/resolv-conf.ts';
export { readRootsFile, systemRoots } from './embed/trust-files.ts';
export { refusalLineLimits, RefusalLines, RefusalLog } from './observe/refusal-lines.ts';
export { Replaced } from './plugin/replaced.ts';
export type {
  AllowanceBucket,
  Allowances,
  AnswerConnection,
  AnswerHandler,
  Explanation,
  Gate,
  GateReply,
  GateRequest,
  JudgedClient,
  ListenerTls,
  OnFailure,
  PlainListener,
  Plugin,
  PluginAccess,
  PluginEndpoints,
  PluginHost,
  PluginInstance,
  Readiness,
  RequestHandler,
  ReplyBatch,
} from './plugin/contract.ts';
export { connectionLimits, type ConnectionLimits } from './server/limits.ts';
export { Places } from './server/places.ts';
export { signQuery, TsigVerifier, type SignedQuery } from './tsig/client.ts';
export {
  parseTsigSecret,
  tsigAlgorithms,
  TsigError,
  type TsigAlgorithm,
  type TsigKey,
  type TsigReason,
} from './tsig/key.ts';
export { TsigSigner, verifyQuery, type VerifiedQuery } from './tsig/server.ts';
export { TransferEnd, TransferFormatError, type TransferForm } from './xfr/stream-end.ts';
export { applyDifferences } from './xfr/apply.ts';
export { CanonicalZone } from './xfr/canonical-zone.ts';
export { CatalogError, readCatalogVersion, writeCatalog, type CatalogMember } from './xfr/catalog.ts';
export { compareVersions } from './xfr/compare.ts';
export { condense } from './xfr/condense.ts';
export { differencesOctets, soaSerial } from './xfr/differences.ts';
export { OwnerIndex } from './xfr/owner-index.ts';
export {
  expireOf,
  TransferReader,
  TransferRefusedError,
  type TransferResult,
} from './xfr/transfer-reader.ts';
export { renderRecords, ZoneWriter } from './xfr/zone-writer.ts';
export { mayHaveZonemd, recordsOwnedBy } from './xfr/zone-apex.ts';
export { apexDenialOwner, checkApex, checkZoneSignatures, type Trust } from './xfr/zone-signatures.ts';
export { tooLarge, verifyDigest, type CheckLimits } from './xfr/zonemd.ts';
export {
  openMessage,
  type Differences,
  type FilePlace,
  type MessageFile,
  type Pause,
  type Store,
  type StoredMessage,
  type ZoneVersion,
} from './xfr/zone-version.ts';

// danced inside of another program: docs/library.md.
export { openAuthenticator, type Authenticator, type Listener } from './embed/authenticator.ts';
export type { AccessOptions } from './embed/access-options.ts';
export type { ApplicationConnection, ConnectionHandler } from './embed/application.ts';
export {
  openConnector,
  type ConnectOptions,
  type Connector,
  type ConnectorOptions,
} from './embed/connector.ts';
export type { FromProxies, FromProxyHeader, HandedRequest } from './embed/from-proxy.ts';
export { handedOnReasons, type HandedOn, type HandedOnReason, type ProofResult } from './embed/handed-on.ts';
export {
  OptionsError,
  type AuthenticatorOptions,
  type LimitOptions,
  type ListenOptions,
  type LogFunction,
  type ResolverOptions,
} from './embed/options.ts';
export { fromTrustedProxy, TrustedProxies } from './embed/proxies.ts';
export { NoAnswerError, type NoAnswerReason } from './client/reasons.ts';
export { ConfigError, quote } from './config/errors.ts';
export { noIdentityReasons, type NoIdentityReason } from './dane/types.ts';
export type { LookupResult, Resolver } from './resolver/resolver.ts';
export type { OpenedTls, TlsEnd, TlsWatcher } from './resolver/upstream/dot-unauthenticated.ts';
export { ListenError } from './server/gate.ts';
export { TlsAddonMissing } from './tls/context.ts';
export { alertOf } from './tls/dial.ts';
export { IdentityError, loadIdentity, type LoadedIdentity } from './tls/identity.ts';
export { tlsFeatures, type TlsFeatures } from './tls/native/native.ts';
export {
  maxEntryOctets,
  ZoneTextReader,
  type IncludedFile,
  type RecordSink,
} from './zone-text/zone-text-reader.ts';
export { ZoneTextError } from './zone-text/zone-text-error.ts';
export { zoneText } from './zone-text/zone-text.ts';
