import { Logger } from '@nestjs/common';

// What goes wrong on purpose would bury what goes wrong; a failing test can take this line away.
Logger.overrideLogger(false);
