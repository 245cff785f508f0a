# cmake -DSOCKCTL=PROGRAM -DDIRECTORY=DIR -DPACKED=DIR -P man/generate.cmake
# Write sockctl-COMMAND.1 into DIRECTORY for every command that PROGRAM knows, and the same for installation into PACKED,
# by gzip without name and time.
file(GLOB old ${DIRECTORY}/sockctl-*.1 ${PACKED}/*.gz)
if(old)
  file(REMOVE ${old})
endif()
file(MAKE_DIRECTORY ${DIRECTORY} ${PACKED})
execute_process(COMMAND ${SOCKCTL} help --json OUTPUT_VARIABLE table COMMAND_ERROR_IS_FATAL ANY)
string(JSON count LENGTH "${table}" result commands)
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON name GET "${table}" result commands ${i} name)
  set(page sockctl-${name}.1)
  execute_process(COMMAND ${SOCKCTL} help --mdoc ${name} OUTPUT_FILE ${DIRECTORY}/${page} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND gzip -9nc ${DIRECTORY}/${page} OUTPUT_FILE ${PACKED}/${page}.gz COMMAND_ERROR_IS_FATAL ANY)
endforeach()
