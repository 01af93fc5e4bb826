/**
 * Who may do what with the zones of knot.conf (knot.conf(5), Knot DNS 3.2): the acl of a zone, else that of its template, else,
 * for a zone without template, that of the template `default`; and `automatic-acl` for those that a zone notifies or comes from.
 *
 * Limitations: member zones of catalogs are not in the file; templates that only those can use are reported.
 */
import { plainPlace } from './included-files.ts';
import type { Grants } from './grants.ts';
import { applyKnotRules, readKnotRule, remoteMatchers } from './knot-acl.ts';
import type { KnotClient, KnotMatcher, KnotOutcome, KnotRule } from './knot-acl.ts';
import type { KnotBlock, KnotBlocks, KnotValue } from './knot-blocks.ts';
import { recordsIn } from './knot-updates.ts';
import type { OldAction, SourcePlace, Unknown, UpdateRecords } from './old-config.ts';
import { shownStatement } from './old-names.ts';

/** Puts what the blocks come to into `grants`. Throws OldConfigError. */
export function applyKnotBlocks(blocks: KnotBlocks, grants: Grants): void {
  const rights = new KnotRights(blocks, grants);
  for (const zone of blocks.blocks.zone.values()) rights.applyZone(zone);
  rights.reportUnused();
}

class KnotRights {
  readonly #blocks: KnotBlocks;
  readonly #grants: Grants;
  readonly #automatic: boolean;
  readonly #rules = new Map<string, KnotRule>();
  /** By the ids of the acls, which many zones share. */
  readonly #outcomes = new Map<string, KnotOutcome>();
  readonly #usedTemplates = new Set<KnotBlock>();
  /** Names of the templates of catalogs, which are reported with these. */
  readonly #forCatalogs = new Set<string>();

  constructor(blocks: KnotBlocks, grants: Grants) {
    this.#blocks = blocks;
    this.#grants = grants;
    this.#automatic = blocks.server.isOn('automatic-acl', false);
  }

  applyZone(zone: KnotBlock): void {
    const template = this.#templateOf(zone);
    if (template !== undefined) this.#usedTemplates.add(template);
    const item = (name: string): readonly KnotValue[] => {
      const own = zone.all(name);
      return own.length > 0 ? own : (template?.all(name) ?? []);
    };
    this.#applyAcl(zone.id, item('acl'));
    this.#applyNeighbours(zone.id, item('notify'), 'notify');
    this.#applyNeighbours(zone.id, item('master'), 'master');
    const role = item('catalog-role').at(-1);
    if (role?.text === 'interpret') this.#reportCatalog(zone.id, role, item('catalog-template'));
  }

  /** Acls that stand in no list, and templates with acls that no zone has. */
  reportUnused(): void {
    const { acl: acls, template: templates, zone: zones } = this.#blocks.blocks;
    const lists = [...zones.values(), ...templates.values()].flatMap((block) => block.all('acl'));
    const listed = new Set(lists.map(({ text }) => text));
    for (const { id, place } of acls.values()) {
      const why = 'no zone and no template has it, so it gives nobody anything';
      if (!listed.has(id)) this.#report(place, 'acl', [id], why);
    }
    for (const template of templates.values()) {
      const isKnown = this.#usedTemplates.has(template) || this.#forCatalogs.has(template.id);
      if (isKnown || template.all('acl').length === 0) continue;
      const why =
        'no zone of this file has this template, but zones that come by a catalog or from elsewhere may; give their ' +
        'secondaries these zones by hand';
      this.#report(template.place, 'template', [template.id], why);
    }
  }

  #templateOf(zone: KnotBlock): KnotBlock | undefined {
    const { template: templates } = this.#blocks.blocks;
    const reference = zone.one('template');
    if (reference === undefined) return templates.get('default');
    const template = templates.get(reference.text);
    if (template === undefined) {
      const why =
        'there is no template of this name in what was read; who may transfer the zone by it is not known';
      this.#report(reference.place, 'template', [reference.text], why);
    }
    return template;
  }

  #applyAcl(zone: string, references: readonly KnotValue[]): void {
    const rules = references.flatMap((reference) => this.#ruleOf(reference) ?? []);
    const key = JSON.stringify(rules.map(({ id }) => id));
    const outcome = this.#outcomes.get(key) ?? applyKnotRules(rules);
    if (!this.#outcomes.has(key)) this.#reportRules(zone, rules, outcome);
    this.#outcomes.set(key, outcome);
    for (const { rule, client, actions } of outcome.allowed) {
      const by = `acl ${rule.id}`;
      if (rule.updates === undefined || !actions.includes('update')) {
        this.#allow(zone, client, actions, by, rule.at);
        continue;
      }
      const others = actions.filter((action) => action !== 'update');
      if (others.length > 0) this.#allow(zone, client, others, by, rule.at);
      const records = recordsIn(rule.updates, zone, client.keyName);
      if (records !== undefined) this.#allow(zone, client, ['update'], by, rule.at, records);
    }
  }

  #ruleOf({ text, place }: KnotValue): KnotRule | undefined {
    const known = this.#rules.get(text);
    if (known !== undefined) return known;
    const block = this.#blocks.blocks.acl.get(text);
    if (block === undefined) {
      this.#report(
        place,
        'acl',
        [text],
        'there is no acl of this name in what was read; what it allows or denies is not known',
      );
      return undefined;
    }
    const rule = readKnotRule(block, this.#blocks);
    this.#rules.set(text, rule);
    return rule;
  }

  #reportRules(zone: string, rules: readonly KnotRule[], { overruled }: KnotOutcome): void {
    this.#reportAll(rules.flatMap(({ notes }) => notes));
    for (const { rule, client, by, action } of overruled) {
      const { keyName, address } = client;
      const from = address === undefined ? '' : ` from ${address}`;
      const signed = keyName === undefined ? '' : ` with the key ${keyName}`;
      const why = `${action}${from}${signed} is refused by the acl ${by.id}, which stands before it in the zone ${zone}, so it gives nothing there`;
      this.#report(rule.at, 'acl', [rule.id], why);
    }
  }

  /** Those that a zone notifies, and those that it comes from: with automatic-acl they have rights (acl.c: rmt_allowed). */
  #applyNeighbours(zone: string, references: readonly KnotValue[], name: 'notify' | 'master'): void {
    for (const reference of references) {
      const notes: Unknown[] = [];
      const at = plainPlace(reference.place);
      for (const matcher of remoteMatchers([reference], this.#blocks, notes)) {
        if (name === 'notify') this.#notify(zone, matcher, at);
        if (this.#automatic && matcher.automatic) {
          const actions: OldAction[] = name === 'notify' ? ['transfer'] : ['notify'];
          const by = `${name}: ${reference.text} with automatic-acl`;
          for (const client of matcher.clients) this.#allow(zone, client, actions, by, at);
        }
      }
      // Without automatic-acl nobody has rights by these references.
      if (this.#automatic) this.#reportAll(notes);
    }
  }

  #allow(
    zone: string,
    client: KnotClient,
    actions: readonly OldAction[],
    by: string,
    at: SourcePlace,
    records?: UpdateRecords,
  ): void {
    const { address, keyName } = client;
    if (address !== undefined || keyName !== undefined || client.byCertificate) {
      this.#grants.allow(client, actions, [zone], at, records);
      return;
    }
    const from = client.spec === undefined ? 'without address and key' : 'for every address, without key';
    this.#grants.open([zone], `${actions.join(', ')}: ${by} ${from}`, at);
  }

  #notify(zone: string, { clients }: KnotMatcher, at: SourcePlace): void {
    for (const { address, keyName, label } of clients) {
      if (address !== undefined) this.#grants.notify({ address, keyName, label }, [zone], at);
    }
  }

  #reportCatalog(zone: string, role: KnotValue, templates: readonly KnotValue[]): void {
    const names = templates.map(({ text }) => text).join(', ');
    for (const { text } of templates) this.#forCatalogs.add(text);
    const why =
      `zones that come by the catalog ${zone} are not in the file; they have the acl of the template ${names}: give ` +
      'their secondaries these zones by hand, or all by "*"';
    this.#report(role.place, 'catalog-role', [role.text], why);
  }

  #report(place: SourcePlace, name: string, values: readonly string[], why: string): void {
    this.#grants.report({ at: plainPlace(place), statement: shownStatement(name, values), why });
  }

  #reportAll(notes: readonly Unknown[]): void {
    for (const note of notes) this.#grants.report(note);
  }
}
