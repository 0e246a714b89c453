//  zloom - brokerless messaging: the umbrella header
//
//  Includes every public header but the two that need another library
//  (data/json.h: jansson, net/zloom_czmq.h: CZMQ), and names the version.
//
//  Threads: see docs/THREADS.md.
//  SPDX-License-Identifier: MPL-2.0

#ifndef ZLOOM_H
#define ZLOOM_H

#define ZLOOM_VERSION_MAJOR 0
#define ZLOOM_VERSION_MINOR 1
#define ZLOOM_VERSION_PATCH 0

#include "base/assert.h"
#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "base/time.h"
#include "data/check.h"
#include "data/pack.h"
#include "data/walk.h"
#include "net/bind.h"
#include "net/probe.h"
#include "net/runtime.h"
#include "policy/histogram.h"
#include "reqrep/call.h"
#include "reqrep/client.h"
#include "reqrep/server.h"

#endif
