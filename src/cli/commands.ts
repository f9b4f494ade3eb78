import type { Command } from 'commander';
import { addAuditCommands } from './audit.ts';
import { addBackupCommand } from './backup.ts';
import { addClientCommands } from './clients.ts';
import { addDeviceCommands } from './devices.ts';
import { addDoctorCommand } from './doctor.ts';
import { addImportCommand } from './import.ts';
import { addInboxCommands } from './inbox.ts';
import { addKeyCommands } from './keys.ts';
import { addMigrateCommand } from './migrate.ts';
import { addPatientCommands } from './patients.ts';
import { addConfigCommand } from './show-config.ts';
import { addRestoreCommand } from './restore.ts';
import { addSimulateCommand } from './simulate.ts';
import { addSubmissionCommands } from './submissions.ts';
import { addUserCommands } from './users.ts';
import { openProgram, type Terminal } from './program.ts';

/** The program with all commands; parsing throws as that of `openProgram` does. */
export const createProgram = (terminal: Terminal): Command => {
  const { program, context } = openProgram(terminal);
  addUserCommands(program, context);
  addKeyCommands(program, context);
  addClientCommands(program, context);
  addDeviceCommands(program, context);
  addInboxCommands(program, context);
  addSubmissionCommands(program, context);
  addPatientCommands(program, context);
  addAuditCommands(program, context);
  addSimulateCommand(program, context);
  addImportCommand(program, context);
  addMigrateCommand(program, context);
  addBackupCommand(program, context);
  addRestoreCommand(program, context);
  addConfigCommand(program, context);
  addDoctorCommand(program, context);
  return program;
};
