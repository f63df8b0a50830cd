# What is installed where, and the Debian package made of it: cmake -DHL_PACKAGE=ON -DCMAKE_INSTALL_PREFIX=/usr ..., then cpack -G DEB.
include(GNUInstallDirs)
set(packaging ${PROJECT_SOURCE_DIR}/packaging)
set(made ${PROJECT_BINARY_DIR}/packaging)

install(TARGETS hotlead hotlead-load RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY schemas/ DESTINATION ${CMAKE_INSTALL_DATADIR}/hotlead/schemas FILES_MATCHING PATTERN "*.avsc" PATTERN "ids.yaml")
install(FILES config/hotlead.schema.json config/model.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/hotlead)
install(FILES config/model.yaml DESTINATION ${CMAKE_INSTALL_DATADIR}/hotlead/config) # that of the demo
install(DIRECTORY config/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})

option(HL_PACKAGE "Install what a package of the system has, too: man pages, completion, unit, configuration (needs Python)" OFF)
if(NOT HL_PACKAGE)
  return()
endif()

# The sample configuration with the installed paths; what would not be replaced fails a test.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS config/hotlead.yaml config/model.yaml)
file(READ config/hotlead.yaml text)
string(REPLACE "schemas: {registry: \"\", dir: ../schemas}                  #" "schemas: {registry: \"\", dir: /usr/share/hotlead/schemas}   #" text "${text}")
string(REPLACE "$schema=hotlead.schema.json" "$schema=/usr/share/hotlead/hotlead.schema.json" text "${text}")
string(REPLACE "All keys: CONFIGURATION.md." "All keys: man hotlead.yaml." text "${text}")
string(REPLACE "hotlead check -c config/hotlead.yaml" "hotlead check -c /etc/hotlead/hotlead.yaml" text "${text}")
string(REPLACE "mapping: examples/" "mapping: /usr/share/doc/hotlead/examples/" text "${text}")
file(WRITE ${made}/hotlead.yaml "${text}")
file(READ config/model.yaml text)
string(REPLACE "$schema=model.schema.json" "$schema=/usr/share/hotlead/model.schema.json" text "${text}")
string(REPLACE "--model config/model.yaml" "--model /etc/hotlead/model.yaml" text "${text}")
file(WRITE ${made}/model.yaml "${text}")

set(HL_MAINTAINER "hotlead maintainers <hotlead@example.org>" CACHE STRING "Who answers for the package")
find_package(Python3 REQUIRED COMPONENTS Interpreter)
file(GLOB commands CONFIGURE_DEPENDS src/app/cmd_*.c)
add_custom_command(OUTPUT ${made}/hotlead.bash COMMAND ${Python3_EXECUTABLE} -B ${packaging}/manual.py $<TARGET_FILE:hotlead> $<TARGET_FILE:hotlead-load> ${made}
  COMMAND sh -c "gzip -9nkf man1/*.1 man5/*.5" WORKING_DIRECTORY ${made}
  DEPENDS hotlead hotlead-load ${packaging}/manual.py ${PROJECT_SOURCE_DIR}/config/CONFIGURATION.md ${commands} VERBATIM COMMENT "man pages and completion")
configure_file(${packaging}/changelog.in ${made}/changelog.text @ONLY)
add_custom_command(OUTPUT ${made}/changelog.gz COMMAND gzip -9nc ${made}/changelog.text > ${made}/changelog.gz DEPENDS ${made}/changelog.text)
add_custom_command(OUTPUT ${made}/RUNBOOK.md.gz COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/k8s/RUNBOOK.md > ${made}/RUNBOOK.md.gz DEPENDS k8s/RUNBOOK.md)
add_custom_target(package_files ALL DEPENDS ${made}/hotlead.bash ${made}/changelog.gz ${made}/RUNBOOK.md.gz)

install(DIRECTORY ${made}/man1 ${made}/man5 DESTINATION ${CMAKE_INSTALL_MANDIR} FILES_MATCHING PATTERN "*.gz")
install(FILES ${made}/hotlead.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hotlead)
install(FILES ${made}/hotlead-load.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hotlead-load)
install(FILES packaging/hotlead.service DESTINATION /usr/lib/systemd/system)
install(FILES packaging/hotlead.sysusers DESTINATION /usr/lib/sysusers.d RENAME hotlead.conf)
install(FILES ${made}/hotlead.yaml ${made}/model.yaml DESTINATION /etc/hotlead)
install(FILES packaging/copyright ${made}/changelog.gz ${made}/RUNBOOK.md.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES k8s/monitoring/hotlead.rules.yaml k8s/monitoring/grafana-hotlead.json DESTINATION ${CMAKE_INSTALL_DOCDIR}/monitoring)

file(WRITE ${made}/conffiles "/etc/hotlead/hotlead.yaml\n/etc/hotlead/model.yaml\n")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hotlead)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "${HL_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "lead scoring on event streams")
set(CPACK_PACKAGE_DESCRIPTION "Reads what people do on a web site and with e-mails from Kafka, keeps a
score for each contact, and writes to Kafka the moment a contact changes its
lifecycle stage. A copy of the state is kept in Redis.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON) # for /etc
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON) # the libraries of the release that it is built on
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "redis-server, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${packaging}/postinst;${packaging}/prerm;${packaging}/postrm;${made}/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
