import type { Uncaused } from './status-coverage.ts';

const bffOperations = [
  'signIn', 'signOut', 'listOwnSessions', 'endOwnSession', 'changePassword', 'showPasswordReset', 'askForPasswordReset', 'setNewPassword', 'getProfile', 'listDevices', 'assignDevice',
  'unassignDevice', 'listHealthData', 'uploadHealthData', 'deleteHealthData', 'uploadHealthDataInFormat', 'getUpload', 'startExport', 'getExport', 'downloadExport', 'getLatestExport',
  'getLimits', 'getChartData', 'listOwnAudit', 'listUploads', 'listRefusedSamples', 'listChartedTypes', 'showPatientPage', 'getPageScript', 'getPageStyle', 'getPageLicences',
];

/** Statuses that are declared because they can happen, and that no test can cause without putting something false into the program. */
export const uncausedStatuses: readonly Uncaused[] = [
  { status: '500', operations: bffOperations, reason: 'The BFF has neither tables nor files that could break: only a fault of the program makes one.' },
  { status: '500', operations: ['getCapabilityStatement', 'listPrototypes'], reason: 'What they answer is in memory: only a fault of the program makes one.' },
  {
    status: '503', operations: ['getLimits', 'showPasswordReset', 'showPatientPage', 'getPageScript', 'getPageStyle', 'getPageLicences', 'getCapabilityStatement', 'listPrototypes'],
    reason: 'They need nobody: only beyond a thousand requests under way, where the load gate refuses before the operation is known (test/faults/overload.test.ts).',
  },
  { status: '503', operations: ['bffReady'], reason: 'It has no database: only before it listens, and while it drains and takes no connections.' },
];
