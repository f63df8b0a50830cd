# -DHL_TRAINED=ON: the compiler sees the whole program, and is told which way its branches go. The same sources are built with counters first, and
# score made-up events of perf/load by the sample model; what was not run then (other formats, the commands) is compiled as usual. Twice the time of a
# build, 0.77 of the CPU an event takes (perf/results/2026-11-26-hot-path.md).
option(HL_TRAINED "Optimise with a profile taken from made-up events (GCC 12 or later; takes twice the time)" OFF)
set(HL_TRAINING "" CACHE STRING "Where this build leaves its profile; set by a trained build for the one that it trains with")

function(hl_needs_training target)
endfunction()
if(NOT HL_TRAINED AND NOT HL_TRAINING)
  return()
endif()
if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU" OR CMAKE_C_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "HL_TRAINED needs GCC 12 or later, and this is ${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}: configure with -DHL_TRAINED=OFF")
endif()
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
target_compile_options(hl_flags INTERFACE -fprofile-prefix-path=${PROJECT_BINARY_DIR}) # names of profiles do not tell of the folder
if(HL_TRAINING)
  target_compile_options(hl_flags INTERFACE -fprofile-generate=${HL_TRAINING} -fprofile-update=atomic)
  target_link_options(hl_flags INTERFACE -fprofile-generate)
  return()
endif()

set(training ${PROJECT_BINARY_DIR}/training)
set(profile ${training}/profile)
file(GLOB_RECURSE from CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.[ch] ${PROJECT_SOURCE_DIR}/include/*.h)
add_custom_command(OUTPUT ${training}/done
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${profile}
  COMMAND ${CMAKE_COMMAND} -S ${PROJECT_SOURCE_DIR} -B ${training} -G ${CMAKE_GENERATOR} -DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM} -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}
          -DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE} "-DCMAKE_C_FLAGS=${CMAKE_C_FLAGS}" "-DCMAKE_C_FLAGS_RELEASE=${CMAKE_C_FLAGS_RELEASE}" -DHL_TRAINED=OFF
          -DHL_TRAINING=${profile} -DHL_TESTS=OFF -DHL_PERF=ON -DHL_PACKAGE=OFF -DHL_JEMALLOC=${HL_JEMALLOC}
  COMMAND ${CMAKE_COMMAND} --build ${training} --target hotlead-pipeline --parallel
  COMMAND ${training}/perf/hotlead-pipeline --model ${PROJECT_SOURCE_DIR}/config/model.yaml --schemas ${PROJECT_SOURCE_DIR}/schemas --events 1000000
          --contacts 200000 --workers 1
  COMMAND ${CMAKE_COMMAND} -E touch ${training}/done
  DEPENDS ${from} perf/micro/pipeline.c perf/load/made.c config/model.yaml
  COMMENT "Training: a build with counters scores made-up events" VERBATIM)
add_custom_target(training DEPENDS ${training}/done)
target_compile_options(hl_flags INTERFACE -fprofile-use=${profile} -fprofile-partial-training -Wno-missing-profile)
function(hl_needs_training target)
  add_dependencies(${target} training)
endfunction()
