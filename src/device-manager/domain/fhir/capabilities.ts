/** What the server can do, for its CapabilityStatement. */
export const capabilityStatement = (version: string, url: string) => ({
  resourceType: 'CapabilityStatement' as const, status: 'active' as const, date: '2026-11-24', kind: 'instance' as const,
  software: { name: 'Vitalgate', version }, implementation: { description: 'Normalized health data of Vitalgate', url },
  fhirVersion: '4.0.1' as const, format: ['application/fhir+json'],
  rest: [{
    mode: 'server' as const, security: { description: 'Bearer: the access token of an operator, or the credential between services.' },
    resource: [
      {
        type: 'Observation' as const, interaction: [{ code: 'read' as const }, { code: 'search-type' as const }],
        supportedProfile: ['vitalsigns', 'bp', 'heartrate', 'resprate', 'oxygensat', 'bodytemp', 'bodyheight', 'headcircum', 'bodyweight', 'bmi'].map((name) => `http://hl7.org/fhir/StructureDefinition/${name}`),
        searchParam: [
          { name: 'patient', type: 'reference' as const, documentation: 'Whose; needed unless the caller speaks for one patient, or _id is given' },
          { name: '_id', type: 'token' as const }, { name: 'code', type: 'token' as const }, { name: 'date', type: 'date' as const }, { name: '_lastUpdated', type: 'date' as const },
        ],
      },
      {
        type: 'Device' as const, interaction: [{ code: 'read' as const }, { code: 'search-type' as const }],
        searchParam: [{ name: 'patient', type: 'reference' as const, documentation: 'Who has it now' }, { name: '_id', type: 'token' as const }],
      },
      {
        type: 'Patient' as const,
        operation: [{ name: 'everything', definition: 'http://hl7.org/fhir/OperationDefinition/Patient-everything', documentation: 'Answers application/fhir+ndjson: every Device, every Observation and every clinical record that a phone sent, one a line' }],
      },
    ],
  }],
});
