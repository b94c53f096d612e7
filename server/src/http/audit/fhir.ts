import type { AuditAction, AuditRecord } from './record.js';

export type FhirRelease = 'r4' | 'r5';

const actionCodes: Readonly<Record<AuditAction, string>> = {
  create: 'C',
  read: 'R',
  update: 'U',
  delete: 'D',
  execute: 'E',
};

/** DICOM audit event types (PS3.15 A.5, context group 400 of PS3.16). */
const dicomEvents = {
  instancesAccessed: { code: '110103', display: 'DICOM Instances Accessed' },
  instancesTransferred: { code: '110104', display: 'DICOM Instances Transferred' },
  query: { code: '110112', display: 'Query' },
  userAuthentication: { code: '110114', display: 'User Authentication' },
  auditLogUsed: { code: '110101', display: 'Audit Log Used' },
  applicationActivity: { code: '110100', display: 'Application Activity' },
};

/**
 * One line of the audit as a FHIR AuditEvent (R4: hl7.org/fhir/R4/auditevent.html, R5: hl7.org/fhir/R5/auditevent.html).
 * `begun` lines become events as well: they tell that somebody tried, and the next line how it went.
 *
 * @param observer who reports: name of this server
 */
export function toAuditEvent(record: AuditRecord, release: FhirRelease, observer: string): Record<string, unknown> {
  const type = { system: 'http://dicom.nema.org/resources/ontology/DCM', ...eventType(record) };
  const operation = { system: 'urn:medsam2:operation', code: record.what };
  const agentName = record.user ?? 'unknown';
  const common = {
    resourceType: 'AuditEvent',
    action: actionCodes[record.action],
    recorded: record.time,
  };
  const sourceType = {
    system: 'http://terminology.hl7.org/CodeSystem/security-source-type',
    code: '4',
    display: 'Application Server',
  };
  const network = record.address;
  if (release === 'r4') {
    return {
      ...common,
      type,
      subtype: [operation],
      outcome: { begun: '0', done: '0', refused: '4', failed: '8' }[record.outcome],
      ...(record.code === undefined ? {} : { outcomeDesc: record.code }),
      agent: [
        {
          who: { identifier: { value: agentName } },
          requestor: true,
          ...rolesOf(record),
          ...(network === undefined ? {} : { network: { address: network, type: '2' } }),
        },
      ],
      source: { observer: { display: observer }, type: [sourceType] },
      entity: entitiesOf(record).map(({ what, kind, details }) => ({
        what,
        type: {
          system: 'http://terminology.hl7.org/CodeSystem/audit-entity-type',
          code: '2',
          display: 'System Object',
        },
        description: kind,
        ...(details.length === 0
          ? {}
          : { detail: details.map(([name, value]) => ({ type: name, valueString: value })) }),
      })),
    };
  }
  return {
    ...common,
    category: [{ coding: [type] }],
    code: { coding: [operation] },
    outcome: {
      code: {
        system: 'http://hl7.org/fhir/issue-severity',
        code: { begun: 'information', done: 'success', refused: 'error', failed: 'fatal' }[record.outcome],
      },
      ...(record.code === undefined ? {} : { detail: [{ text: record.code }] }),
    },
    agent: [
      {
        who: { identifier: { value: agentName } },
        requestor: true,
        ...rolesOf(record),
        ...(network === undefined ? {} : { networkString: network }),
      },
    ],
    source: { observer: { display: observer }, type: [{ coding: [sourceType] }] },
    entity: entitiesOf(record).map(({ what, kind, details }) => ({
      what,
      role: { text: kind },
      ...(details.length === 0
        ? {}
        : { detail: details.map(([name, value]) => ({ type: { text: name }, valueString: value })) }),
    })),
  };
}

function eventType({ what, action }: AuditRecord): { code: string; display: string } {
  if (what === 'authenticate') return dicomEvents.userAuthentication;
  if (what === 'audit.read') return dicomEvents.auditLogUsed;
  if (what === 'dicomweb.search') return dicomEvents.query;
  if (what === 'dicomweb.store' || what === 'session.save') return dicomEvents.instancesTransferred;
  return action === 'execute' ? dicomEvents.applicationActivity : dicomEvents.instancesAccessed;
}

function rolesOf({ roles }: AuditRecord): Record<string, unknown> {
  if (roles === undefined || roles.length === 0) return {};
  return { role: roles.map((role) => ({ coding: [{ system: 'urn:medsam2:role', code: role }] })) };
}

interface Entity {
  readonly what: { readonly identifier: { readonly system: string; readonly value: string } };
  readonly kind: string;
  readonly details: readonly (readonly [name: string, value: string])[];
}

function entitiesOf(record: AuditRecord): Entity[] {
  const { study, series, session, job, save, pacs, model, segment, request } = record;
  const dicom = (kind: string, uid: string): Entity => ({
    // how a DICOM UID is written as an identifier (hl7.org/fhir/imagingstudy.html)
    what: { identifier: { system: 'urn:dicom:uid', value: `urn:oid:${uid}` } },
    kind,
    details: pacs === undefined ? [] : [['pacs', pacs]],
  });
  const own = (kind: string, id: string, details: Entity['details'] = []): Entity => ({
    what: { identifier: { system: `urn:medsam2:${kind}`, value: id } },
    kind,
    details,
  });
  const facts = [
    ...(model === undefined ? [] : [['model', model] as const]),
    ...(segment === undefined ? [] : [['segment', `${segment}`] as const]),
  ];
  return [
    ...(study === undefined ? [] : [dicom('study', study)]),
    ...(series === undefined ? [] : [dicom('series', series)]),
    ...(session === undefined ? [] : [own('session', session, facts)]),
    ...(job === undefined ? [] : [own('job', job, facts)]),
    ...(save === undefined ? [] : [own('save', save)]),
    own('request', request, session === undefined && job === undefined ? facts : []),
  ];
}
